/**
 * The last pass over a directory that another program or a source has filled: modes independent of the umask, the
 * requested times, and a report of every entry. The directory is private to the caller; no link is followed.
 */
import { lstatSync } from 'node:fs';
import { setImmediate as yieldToOthers } from 'node:timers/promises';
import type { Entry } from '../../contract/entry.ts';
import type { WriteReport } from '../../contract/ref.ts';
import { CtxsrcError, localError } from '../../core/errors.ts';
import { type ByteString, bytesOfText, fsPath, printableBytes } from '../byte-string.ts';
import { digestFile } from '../file-digest.ts';
import { LossList } from './losses.ts';
import { MetadataWriter, metadataOf } from './metadata.ts';
import { scanTree } from './scan-tree.ts';

export interface SettleOptions {
  readonly signal: AbortSignal;
  /** The wanted permission bits of a file or directory, from its current ones. Absent: unchanged. */
  readonly modeOf?: ((type: 'file' | 'dir', mode: number) => number) | undefined;
  /** Time of every entry, including the root, in seconds since the epoch. Absent: unchanged. */
  readonly mtime?: number | undefined;
  /** Later times are set to this, in seconds (SOURCE_DATE_EPOCH). */
  readonly epoch?: number | undefined;
}

/** Entries handled between two turns of the event loop. */
const BATCH = 64;

/**
 * Settles the tree below `dir` and reports it: depth first, a directory before what is in it, in the order of the names'
 * bytes. Throws what `localError` makes of a failed call, and the abort reason of the signal.
 */
export async function settleTree(dir: string, { signal, modeOf, mtime, epoch }: SettleOptions): Promise<WriteReport> {
  signal.throwIfAborted();
  const losses = new LossList();
  // Whose the files are is left as it is.
  const writer = new MetadataWriter({ owner: 'current', epoch }, losses);
  const pathOf = (path: ByteString): string | Buffer => fsPath(`${bytesOfText(dir)}/${path}`);
  const entries: Entry[] = [];
  let bytes = 0;

  /** Sets mode and times where they differ from what is asked for. @returns what the entry has then */
  const settled = (entry: Entry, type: 'file' | 'dir' | 'symlink'): Entry => {
    const wanted = { ...entry };
    if (type !== 'symlink' && modeOf !== undefined) wanted.mode = modeOf(type, entry.mode);
    if (mtime !== undefined) Object.assign(wanted, { mtime, mtimeNs: 0 });
    writer.finish(pathOf(entry.path), entry.path, type, wanted, entry);
    return wanted;
  };
  const take = (entry: Entry): Entry => {
    const { path, type, size } = entry;
    if (type === 'symlink') return settled(entry, type);
    if (type === 'hardlink') return { ...entry, size: 0 };
    // A directory is settled after what is in it.
    if (type === 'dir') return entry;
    if (type !== 'file') {
      throw new CtxsrcError('E_UNSAFE', `${printableBytes(path)} is neither a file nor a directory nor a link`);
    }
    const digest = digestFile(pathOf(path), signal);
    bytes += size;
    return { ...settled(entry, type), digest };
  };

  let at = '';
  try {
    for (const entry of scanTree(dir, false)) {
      at = entry.path;
      entries.push(take(entry));
      if (entries.length % BATCH === 0) {
        await yieldToOthers();
        signal.throwIfAborted();
      }
    }
    for (let index = entries.length - 1; index >= 0; index -= 1) {
      const entry = entries[index]!;
      at = entry.path;
      if (entry.type === 'dir') entries[index] = settled(entry, entry.type);
    }
    at = '';
    settled({ ...metadataOf(lstatSync(pathOf(''), { bigint: true })), path: '', type: 'dir', size: 0 }, 'dir');
  } catch (error) {
    throw localError(error, `cannot settle ${at === '' ? dir : printableBytes(at)}`);
  }
  return { files: entries.length, bytes, losses: losses.losses, lossCounts: losses.counts, entries, via: 'unpack' };
}
