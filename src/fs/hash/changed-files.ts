/** Files that changed between the walk and the end of reading are read again, a few times. */
import { setTimeout } from 'node:timers/promises';
import { CtxsrcError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { type ByteString, textOfBytes } from '../byte-string.ts';
import { CHANGED, type EntryRows, GONE, WAITING } from '../entry/rows.ts';
import type { DiskReader } from '../entry/tree-entry.ts';
import type { HashQueue } from './queue.ts';

/** Pauses before a file that changed while it was read is read again. */
const RETRIES_MS = [0, 20, 100, 500];

/** @throws CtxsrcError `E_IO` for a file that keeps changing; the reason of the abort */
export async function rereadChanged(
  hasher: HashQueue,
  disk: DiskReader,
  signal: AbortSignal | undefined,
): Promise<void> {
  let changed = changedRows(hasher);
  for (const pause of RETRIES_MS) {
    if (changed.length === 0) return;
    await setTimeout(pause, undefined, { ...(signal && { signal }) });
    for (const { rows, at } of changed) lookAgain(disk, rows, at);
    hasher.restart();
    await hasher.finish();
    changed = changedRows(hasher);
  }
  const [first] = changed;
  if (first !== undefined) throw changing(first.rows.path(first.at));
}

function lookAgain(disk: DiskReader, rows: EntryRows, at: number): void {
  const entry = disk.entry(rows.path(at));
  if (entry === undefined) {
    rows.setState(at, GONE);
    return;
  }
  if (entry.type !== 'file') throw changing(entry.path);
  rows.writeEntry(at, entry);
  rows.setState(at, WAITING);
}

function changedRows({ table }: HashQueue): { readonly rows: EntryRows; readonly at: number }[] {
  const found = [];
  for (const row of table) if (row.rows.state(row.at) === CHANGED) found.push(row);
  return found;
}

/** The error for an entry that cannot be hashed because it is another one each time. */
export function changing(path: ByteString): CtxsrcError {
  return new CtxsrcError('E_IO', `${printable(textOfBytes(path))} changes while it is read`, {
    hint: 'wait until nothing writes to the directory, or add the file to the ignore file',
  });
}
