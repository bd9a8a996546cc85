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
import { lstat, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Entry } from '../../contract/entry.ts';
import type { Loss, WriteReport } from '../../contract/ref.ts';
import { type Digest, isDigest } from '../../core/digest.ts';
import { jsonObject } from '../../core/is-object.ts';
import { orAbsent } from '../failures.ts';
import { bootId } from '../process-identity.ts';

/** The directory of the files, within the snapshot's directory. */
export const FILES = 'fs';
const HEADER = 'snapshot.json';

/** Of the header and the list; a snapshot in another format is made anew. */
const FORMAT = 2;

/** `snapshot.json`. */
export interface SnapshotHeader {
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
  let text: string;
  try {
    // A pipe in its place would be waited for.
    if (!(await lstat(headerPath(home))).isFile()) return undefined;
    text = await readFile(headerPath(home), 'utf8');
  } catch (error) {
    return orAbsent(error);
  }
  return parseHeader(text);
}

/** The header from its text; undefined if it is none. */
export function parseHeader(text: string): SnapshotHeader | undefined {
  const header = jsonObject(text);
  if (header?.format !== FORMAT) return undefined;
  const { id, uid, boot, files, bytes, count, losses, lossCounts, entries } = header;
  const numbers = [uid, files, bytes, count].every((value) => typeof value === 'number');
  const complete = typeof id === 'string' && typeof boot === 'string' && Array.isArray(losses);
  if (!numbers || !complete || typeof lossCounts !== 'object' || typeof entries !== 'string' || !isDigest(entries)) {
    return undefined;
  }
  return header as unknown as SnapshotHeader;
}

/** The part of a report that is the same for a clone and its original. */
export function reportOf(header: SnapshotHeader, entries: Iterable<Entry>, via: WriteReport['via']): WriteReport {
  const { files, bytes, losses, lossCounts } = header;
  return { files, bytes, losses, lossCounts, entries, via };
}

/** The text of `snapshot.json`. */
export function headerText(header: SnapshotHeader): string {
  return `${JSON.stringify({ format: FORMAT, ...header })}\n`;
}

/** True if the snapshot was recorded in this boot, or is known to be on disk. */
export function isSettled({ durable, boot }: SnapshotHeader): boolean {
  return durable || (boot === bootId() && boot !== '0');
}
