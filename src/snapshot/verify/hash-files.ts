/** The contents of many files hashed, on all cores when there is much to read. */
import type { ByteString } from '../../fs/byte-string.ts';
import { DONE } from '../../fs/entry/rows.ts';
import type { TreeEntry } from '../../fs/entry/tree-entry.ts';
import { HashQueue } from '../../fs/hash/queue.ts';
import { Slices } from '../../fs/walk/slices.ts';

/** Files given to threads between two looks of theirs. */
const PUBLISHED = 64;

/**
 * Hashes regular files below `root`.
 * @param onProgress told now and then how many bytes and files are read
 * @returns for each: hex sha256, or undefined when it is not (or no longer) what its entry says
 * @throws CtxsrcError `E_PERMISSION`, `E_IO`; the reason of the abort
 */
export async function hashFiles(
  root: ByteString,
  files: readonly TreeEntry[],
  onProgress: (bytes: number, files: number) => void,
  signal: AbortSignal | undefined,
): Promise<readonly (string | undefined)[]> {
  const slices = new Slices(signal, () => onProgress(hasher.hashedBytes, hasher.hashedFiles));
  const task = { root, contentOnly: true, modes: 'exact', scan: false, device: 0, settledBefore: 0 } as const;
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
