/** Hashes the contents of many files, on all cores when there is much to read. */
import type { ByteString } from '../../fs/byte-string.ts';
import { DONE } from '../../fs/entry/rows.ts';
import type { TreeEntry } from '../../fs/entry/tree-entry.ts';
import { HashQueue } from '../../fs/hash/queue.ts';
import { Slices } from '../../fs/walk/slices.ts';

/** Files are given to the threads in groups of this number. */
const PUBLISHED = 64;
/** By which no file is old enough to be read without a look at its times. */
const NO_CLOCK = { begun: 0, device: 0, isLocal: false };

/**
 * Hashes regular files below `root`.
 * @param onProgress called from time to time with the bytes and files read
 * @returns for each file its sha256 in hex, or undefined if it does not match its entry (any more)
 * @throws CtxsrcError `E_PERMISSION`, `E_IO`; the reason of the abort
 */
export async function hashFiles(
  root: ByteString,
  files: readonly TreeEntry[],
  onProgress: (bytes: number, files: number) => void,
  signal: AbortSignal | undefined,
): Promise<readonly (string | undefined)[]> {
  const slices = new Slices(signal, () => onProgress(hasher.hashedBytes, hasher.hashedFiles));
  const task = { root, contentOnly: true, modes: 'exact', scan: false, clock: NO_CLOCK } as const;
  const hasher = new HashQueue(task, slices, signal);
  try {
    for (const [index, file] of files.entries()) {
      hasher.table.add(file);
      if (index % PUBLISHED !== 0) continue;
      await hasher.publish(index + 1);
      if (slices.over) await slices.pause();
    }
    await hasher.finish();
    return Array.from(hasher.table, ({ rows, at }) => (rows.state(at) === DONE ? rows.digest(at) : undefined));
  } finally {
    await hasher.close();
  }
}
