/** Lists of the entries of snapshots, a row of JSON (`json-rows.ts`) a line. */
import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import type { Entry, Time } from '../../contract/entry.ts';
import type { Digest } from '../../core/digest.ts';
import { entryOfRow } from '../../fs/entry/json-rows.ts';

const READ_SIZE = 1 << 18;

/**
 * Writes the list to a new file.
 * @param fill is given what appends whole lines
 * @returns the digest of the list
 */
export async function writeList(
  path: string,
  fill: (append: (lines: string) => void) => void | Promise<void>,
): Promise<Digest> {
  const hash = createHash('sha256');
  const fd = openSync(path, 'wx');
  try {
    await fill((lines) => {
      hash.update(lines);
      writeSync(fd, lines);
    });
  } finally {
    closeSync(fd);
  }
  return `sha256:${hash.digest('hex')}`;
}

/** The lines of a list of entries, without line ends; reads piece by piece. @param list a path, or an open file */
export function* readLines(list: string | number): Generator<string> {
  const fd = typeof list === 'number' ? list : openSync(list, 'r');
  try {
    let buffer = Buffer.allocUnsafe(READ_SIZE);
    let kept = 0;
    let position = 0;
    for (;;) {
      const length = readSync(fd, buffer, kept, buffer.length - kept, position);
      if (length === 0) break;
      position += length;
      const end = buffer.lastIndexOf(10, kept + length - 1);
      if (end > 0) yield* buffer.toString('utf8', 0, end).split('\n');
      buffer.copyWithin(0, end + 1, kept + length);
      kept += length - end - 1;
      // The line is longer than the buffer.
      if (kept === buffer.length) buffer = Buffer.concat([buffer, Buffer.allocUnsafe(buffer.length)]);
    }
    if (kept > 0) throw new Error('a list of entries ends within a line');
  } finally {
    if (fd !== list) closeSync(fd);
  }
}

/** The entries of an open list. */
export function* storedEntries(list: number): Generator<Entry> {
  for (const line of readLines(list)) yield entryOfRow(line);
}

/**
 * The entries as a report contains them, read anew at each iteration.
 * @param epoch later mtimes are set to this, in seconds
 */
export function reportEntries(list: number, epoch: number | undefined): Iterable<Entry> {
  return { [Symbol.iterator]: () => reported(storedEntries(list), epoch) };
}

/** Entries without the facts that only the store needs, and with clamped times. */
export function* reported(entries: Iterable<Entry>, epoch: number | undefined): Generator<Entry> {
  for (const entry of entries) yield { ...entry, ...clampedTime(entry, epoch), ino: undefined, ctime: undefined };
}

/** @param epoch seconds */
export function clampedTime({ mtime, mtimeNs }: Readonly<Time>, epoch = Number.POSITIVE_INFINITY): Time {
  return mtime < epoch ? { mtime, mtimeNs } : { mtime: epoch, mtimeNs: 0 };
}
