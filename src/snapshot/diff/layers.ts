/** The layers of two images, paired by their diff IDs. */
import { alignedPositions } from '../../core/align.ts';
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
  const { partners, inPlace, gone } = pair(from, to);
  const rows: LayerRow[] = to.map((layer, index) => {
    const at = partners.get(index);
    const other = at === undefined ? undefined : from[at];
    const size = { from: sizeOf(other), to: sizeOf(layer) };
    const command = commands[1]?.[index];
    const numbers = { ...(at === undefined ? {} : { from: at + 1 }), to: index + 1 };
    const pairedState = !inPlace.has(index) ? 'moved' : other?.digest === layer.digest ? 'same' : 'packed';
    const isSame = other !== undefined && other.diffId === layer.diffId && layer.diffId !== undefined;
    const state = isSame ? pairedState : other === undefined ? 'added' : 'changed';
    return { state, ...numbers, size, ...(command === undefined ? {} : { madeBy: command }) };
  });
  for (const index of gone) {
    const command = commands[0]?.[index];
    const madeBy = command === undefined ? {} : { madeBy: command };
    rows.push({ state: 'gone', from: index + 1, size: { from: sizeOf(from[index]) }, ...madeBy });
  }
  const changed = rows.filter(({ state }) => state === 'changed' || state === 'added' || state === 'gone').length;
  const reordered = changed === 0 && rows.some(({ state }) => state === 'moved');
  return { rows, count: Math.max(from.length, to.length), changed, reordered };
}

interface Pairs {
  /** Of layers of the second image, by index, those of the first one. */
  readonly partners: ReadonlyMap<number, number>;
  /** Of the second image, those that stand where they stood. */
  readonly inPlace: ReadonlySet<number>;
  /** Those of the first image that have no partner. */
  readonly gone: readonly number[];
}

/** As few layers as can be are taken to have moved; others that stand at the same place between layers that stayed have changed. */
function pair(from: readonly Facts[], to: readonly Facts[]): Pairs {
  const [left, right] = [from, to].map((layers, side) =>
    layers.map(({ diffId }, index) => (typeof diffId === 'string' ? diffId : `${side} ${index}`)),
  ) as [string[], string[]];
  const aligned = alignedPositions(left, right);
  const partners = new Map(aligned.map(([a, b]) => [b, a]));
  const inPlace = new Set(partners.keys());
  const taken = new Set(partners.values());
  const free = new Map<string, number[]>();
  for (const [index, diffId] of left.entries()) {
    if (taken.has(index)) continue;
    const list = free.get(diffId);
    if (list === undefined) free.set(diffId, [index]);
    else list.push(index);
  }
  for (const [index, diffId] of right.entries()) {
    const at = partners.has(index) ? undefined : free.get(diffId)?.shift();
    if (at === undefined) continue;
    partners.set(index, at);
    taken.add(at);
  }
  let [a, b] = [0, 0];
  for (const [endA, endB] of [...aligned, [from.length, to.length] as const]) {
    for (; b < endB; b += 1) {
      if (partners.has(b)) continue;
      while (a < endA && taken.has(a)) a += 1;
      if (a === endA) continue;
      partners.set(b, a);
      taken.add(a);
    }
    [a, b] = [endA + 1, endB + 1];
  }
  return { partners, inPlace, gone: [...left.keys()].filter((index) => !taken.has(index)) };
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
