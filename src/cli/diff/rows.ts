/** Parts of a comparison that its text and its Markdown share. */

import { counted, formatBytes, formatChange } from '../../core/format.ts';
import { isObject } from '../../core/is-object.ts';
import type { FactDifference } from '../../snapshot/diff/facts.ts';
import { TOLD_ELSEWHERE } from '../../snapshot/diff/filter.ts';
import type { LayerRow } from '../../snapshot/diff/layers.ts';
import type { DiffReport, PathChange } from '../../snapshot/diff/report-types.ts';

/** `31 files: 27 added, 1 changed, 2 gone, 1 with another mode or owner`; undefined if files were not compared. */
export function countsText({ files }: DiffReport): string | undefined {
  if (files === undefined) return undefined;
  const { added, changed, gone, metadata, folders } = files;
  const all = added + changed + gone + metadata;
  if (all + folders === 0) return undefined;
  const parts = [
    [added, 'added'],
    [changed, 'changed'],
    [gone, 'gone'],
    [metadata, 'with another mode, owner or attribute'],
  ] as const;
  const named = parts
    .filter(([number]) => number > 0)
    .map(([number, word]) => `${number.toLocaleString('en')} ${word}`);
  const beside = folders === 0 ? [] : [counted(folders, 'folder')];
  const sum = all === 0 ? [] : [`${counted(all, 'file')}: ${named.join(', ')}`];
  return [...sum, ...beside].join('; ');
}

export function leftOutText({ leftOut }: DiffReport): string | undefined {
  return leftOut === 0 ? undefined : `${counted(leftOut, 'difference')} left out by --only or --ignore`;
}

/** The number of files that each row of layers changed, by its place. */
export function filesByLayer(rows: readonly LayerRow[], changes: readonly PathChange[]): ReadonlyMap<number, number> {
  const [byFrom, byTo] = [new Map<number, number>(), new Map<number, number>()];
  for (const [index, { from, to }] of rows.entries()) {
    if (from !== undefined) byFrom.set(from, index);
    if (to !== undefined) byTo.set(to, index);
  }
  const counts = new Map(rows.map((_, index) => [index, 0] as [number, number]));
  for (const { letter, type, layer } of changes) {
    const at = layer === undefined || type === 'dir' ? undefined : (letter === 'D' ? byFrom : byTo).get(layer);
    if (at !== undefined) counts.set(at, counts.get(at)! + 1);
  }
  return counts;
}

/** What became of a layer: in files where they were compared, else in bytes to fetch. */
export function layerWords({ state, from, size }: LayerRow, files: number | undefined): string {
  if (state === 'packed') return size.from === size.to ? 'packed otherwise' : sizes(size, 'packed otherwise');
  if (state === 'moved') return `moved, was ${from}`;
  if (files !== undefined) {
    return `${state === 'gone' ? 'gone, ' : ''}${counted(files, 'file')}`;
  }
  if (state === 'added') return size.to === undefined ? 'new' : `new, ${formatBytes(size.to)}`;
  if (state === 'gone') return size.from === undefined ? 'gone' : `gone, ${formatBytes(size.from)}`;
  return sizes(size, 'other files');
}

function sizes({ from, to }: LayerRow['size'], otherwise: string): string {
  return from === undefined || to === undefined ? otherwise : formatChange(from, to);
}

/** Facts that the sentence, the layers and the settings tell already, or that are digests. */
const TOLD_ABOVE: ReadonlySet<string> = new Set([...TOLD_ELSEWHERE, 'kind', 'files']);

/** A fact in words; undefined if it stands elsewhere. */
export function factText({ what, name, from, to, members }: FactDifference): string | undefined {
  // The platform is a fact, too.
  if (TOLD_ABOVE.has(what) || (what === 'option' && name === 'platform')) return undefined;
  if (members !== undefined) return `${what} ${members.join(', ')}`;
  const subject = name === undefined ? what : `--${name}`;
  return `${subject} ${valueText(from)} → ${valueText(to)}`;
}

function valueText(value: unknown): string {
  if (value === undefined) return '(none)';
  return isObject(value) || Array.isArray(value) ? JSON.stringify(value) : String(value);
}
