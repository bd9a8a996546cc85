/**
 * The facts that the store has about a snapshot's files. `snapshots/<id>/snapshot.json` has the facts about the whole
 * and names `entries-<digest>.jsonl`, which has one line per path: the row of the entry (`json-rows.ts`), for files with
 * inode and ctime. To change a snapshot, a new list of entries is written and then `snapshot.json` is replaced, so that
 * the two always match.
 *
 * A file with the recorded inode, ctime, size, mtime and mode has the recorded content, because no call changes the
 * content without the ctime. A file that differs in these is hashed before it is trusted. After a power loss this does
 * not hold, because names and sizes may be on disk without the content; so a snapshot from an earlier boot is hashed
 * once as a whole (`durable` means that this, or a sync, was done).
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Entry, Time } from '../../contract/entry.ts';
import type { Loss, WriteReport } from '../../contract/ref.ts';
import { type Digest, isDigest } from '../../core/digest.ts';
import { entryOfRow } from '../../fs/entry/json-rows.ts';
import { isAbsent } from '../layout.ts';

/** The directory of the files, within the snapshot's directory. */
export const FILES = 'fs';
const HEADER = 'snapshot.json';
const READ_SIZE = 1 << 18;

/** Of the header and the list; a snapshot in another format is made anew. */
export const FORMAT = 2;

/** `snapshot.json`. */
export interface SnapshotHeader {
  readonly format: typeof FORMAT;
  readonly id: string;
  /** The user who wrote the files: for another user, owners and losses would differ. */
  readonly uid: number;
  readonly boot: string;
  readonly durable: boolean;
  readonly files: number;
  readonly bytes: number;
  /** Entries of any kind. */
  readonly count: number;
  readonly losses: readonly Loss[];
  readonly lossCounts: Readonly<Record<string, number>>;
  /** Digest of the list of entries, which is also in its file name. */
  readonly entries: Digest;
}

export function headerPath(home: string): string {
  return join(home, HEADER);
}

export function entriesPath(home: string, entries: Digest): string {
  return join(home, `entries-${entries.slice(7, 23)}.jsonl`);
}

/**
 * The header of a snapshot; undefined if there is no usable one.
 * @throws errors of `node:fs` when it cannot be read
 */
export async function readHeader(home: string): Promise<SnapshotHeader | undefined> {
  let header: Partial<SnapshotHeader> | null;
  try {
    header = JSON.parse(await readFile(headerPath(home), 'utf8')) as Partial<SnapshotHeader> | null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall !== undefined && !isAbsent(error)) throw error;
    return undefined;
  }
  if (header === null || typeof header !== 'object' || header.format !== FORMAT) return undefined;
  const { id, uid, boot, files, bytes, count, losses, lossCounts, entries } = header;
  const numbers = [uid, files, bytes, count].every((value) => typeof value === 'number');
  const complete = typeof id === 'string' && typeof boot === 'string' && Array.isArray(losses);
  if (!numbers || !complete || typeof lossCounts !== 'object' || typeof entries !== 'string' || !isDigest(entries)) {
    return undefined;
  }
  return header as SnapshotHeader;
}

/** The lines of a list of entries, without line ends; reads piece by piece. */
export function* readLines(path: string): Generator<string> {
  const fd = openSync(path, 'r');
  try {
    let buffer = Buffer.allocUnsafe(READ_SIZE);
    let kept = 0;
    for (;;) {
      const length = readSync(fd, buffer, kept, buffer.length - kept, null);
      if (length === 0) break;
      const end = buffer.lastIndexOf(10, kept + length - 1);
      if (end > 0) yield* buffer.toString('utf8', 0, end).split('\n');
      buffer.copyWithin(0, end + 1, kept + length);
      kept += length - end - 1;
      // The line is longer than the buffer.
      if (kept === buffer.length) buffer = Buffer.concat([buffer, Buffer.allocUnsafe(buffer.length)]);
    }
    if (kept > 0) throw new Error('a list of entries ends within a line');
  } finally {
    closeSync(fd);
  }
}

/** The entries of a list. */
export function* storedEntries(path: string): Generator<Entry> {
  for (const line of readLines(path)) yield entryOfRow(line);
}

/**
 * The entries as a report contains them, read anew from `path` at each iteration.
 * @param epoch later mtimes are set to this, in seconds
 */
export function reportEntries(path: string, epoch: number | undefined): Iterable<Entry> {
  return { [Symbol.iterator]: () => reported(storedEntries(path), epoch) };
}

/** Entries without the facts that only the store needs, and with clamped times. */
export function* reported(entries: Iterable<Entry>, epoch: number | undefined): Generator<Entry> {
  for (const entry of entries) yield { ...entry, ...clampedTime(entry, epoch), ino: undefined, ctime: undefined };
}

/** @param epoch seconds */
export function clampedTime({ mtime, mtimeNs }: Readonly<Time>, epoch = Number.POSITIVE_INFINITY): Time {
  return mtime < epoch ? { mtime, mtimeNs } : { mtime: epoch, mtimeNs: 0 };
}

/** The part of a report that is the same for a clone and its original. */
export function reportOf(header: SnapshotHeader, entries: Iterable<Entry>, via: WriteReport['via']): WriteReport {
  const { files, bytes, losses, lossCounts } = header;
  return { files, bytes, losses, lossCounts, entries, via };
}
