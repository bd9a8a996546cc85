/** The layers of two images, paired by their diff IDs. */
import { isObject } from '../../core/is-object.ts';
import { readHistory } from '../inspect/history.ts';
import type { Facts } from './facts.ts';

/** One layer of the second image, of the first, or of both. */
export interface LayerRow {
  /** `moved`: the same files at another height. `packed`: the same files in another archive. */
  readonly state: 'same' | 'packed' | 'moved' | 'changed' | 'added' | 'gone';
  /** Numbers from the base, which is 1. */
  readonly from?: number;
  /** Its number in the second image. */
  readonly to?: number;
  /** Bytes to fetch. */
  readonly size: { readonly from?: number | undefined; readonly to?: number | undefined };
  /** The command that made it, as the history has it. */
  readonly madeBy?: string;
}

/** The layers of two images, side by side. */
export interface LayerComparison {
  /** In the order of the second image. */
  readonly rows: readonly LayerRow[];
  /** Layers of the image that has more, and those of them with other files. */
  readonly count: number;
  /** Those of them with other files. */
  readonly changed: number;
  /** The same layers in another order. */
  readonly reordered: boolean;
}

/** Undefined unless both are images. */
export function pairLayers(a: Facts | undefined, b: Facts | undefined): LayerComparison | undefined {
  const [from, to] = [layersOf(a), layersOf(b)];
  if (from === undefined || to === undefined) return undefined;
  const commands = [commandsOf(a!, from.length), commandsOf(b!, to.length)] as const;
  const partner = partners(from, to);
  const taken = new Set(partner);
  const unpaired = [...from.keys()].filter((index) => !taken.has(index))[Symbol.iterator]();
  let highest = -1;
  const rows: LayerRow[] = [];
  for (const [index, layer] of to.entries()) {
    const at = partner[index]!;
    const other = at < 0 ? unpaired.next().value : at;
    const size = { from: other === undefined ? undefined : sizeOf(from[other]), to: sizeOf(layer) };
    const command = commands[1]?.[index];
    const numbers = { ...(other === undefined ? {} : { from: other + 1 }), to: index + 1 };
    const isMoved = at >= 0 && at < highest;
    highest = Math.max(highest, at);
    const pairedState = isMoved ? 'moved' : from[at]?.digest === layer.digest ? 'same' : 'packed';
    const state = at >= 0 ? pairedState : other === undefined ? 'added' : 'changed';
    rows.push({ state, ...numbers, size, ...(command === undefined ? {} : { madeBy: command }) });
  }
  for (const index of unpaired) {
    const command = commands[0]?.[index];
    const madeBy = command === undefined ? {} : { madeBy: command };
    rows.push({ state: 'gone', from: index + 1, size: { from: sizeOf(from[index]) }, ...madeBy });
  }
  const changed = rows.filter(({ state }) => state === 'changed' || state === 'added' || state === 'gone').length;
  const reordered = changed === 0 && rows.some(({ state }) => state === 'moved');
  return { rows, count: Math.max(from.length, to.length), changed, reordered };
}

/** For each layer of the second image the index of the first one's layer with the same files, or -1. */
function partners(from: readonly Facts[], to: readonly Facts[]): number[] {
  const free = new Map<unknown, number[]>();
  for (const [index, layer] of from.entries()) {
    const list = free.get(layer.diffId);
    if (list === undefined) free.set(layer.diffId, [index]);
    else list.push(index);
  }
  return to.map(({ diffId }) => (diffId === undefined ? -1 : (free.get(diffId)?.shift() ?? -1)));
}

function layersOf(facts: Facts | undefined): readonly Facts[] | undefined {
  const { layers } = facts ?? {};
  return Array.isArray(layers) ? (layers as readonly unknown[]).filter(isObject) : undefined;
}

function sizeOf(layer: Facts | undefined): number | undefined {
  return typeof layer?.size === 'number' ? layer.size : undefined;
}

/** The command of each layer; undefined where the history does not fit the layers. */
function commandsOf({ configuration }: Facts, count: number): readonly string[] | undefined {
  const { fits, layers } = readHistory(configuration, count);
  return fits ? layers.map(({ made }) => oneLine(`${made.instruction} ${made.text}`)) : undefined;
}

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim();
