/** The contents of many files hashed: on all cores when there is much to read, here when there is little. */
import { setImmediate } from 'node:timers/promises';
import { type ByteString, fsPath } from '../fs/byte-string.ts';
import { digestFileContent } from '../fs/file-digest.ts';
import { HashPool, type PoolItem } from '../fs/hash-pool.ts';

/** Threads take about as long to start as so much takes to read; a file costs like some bytes, however small. */
const WORTH_THREADS = 64 << 20;
const FILE_COST = 64 << 10;
/** Read between two turns of the event loop. */
const TURN = 16 << 20;

/**
 * Hashes files below `root`.
 * @param onDigest told of each file: hex sha256, or undefined when it is not (or no longer) what its `file` says
 * @throws CtxsrcError `E_PERMISSION`, `E_IO`; errors of `node:fs`; the reason of the abort
 */
export async function hashFiles<T extends PoolItem>(
  root: ByteString,
  items: readonly T[],
  onDigest: (item: T, digest: string | undefined) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  const cost = items.reduce((sum, { file }) => sum + file.size + FILE_COST, 0);
  if (cost > WORTH_THREADS) return hashInThreads(root, items, onDigest, signal);
  let turn = 0;
  for (const item of items) {
    turn += item.file.size + FILE_COST;
    if (turn > TURN) {
      turn = 0;
      await setImmediate();
      signal?.throwIfAborted();
    }
    onDigest(item, digestFileContent(fsPath(`${root}/${item.path}`), item.file));
  }
}

async function hashInThreads<T extends PoolItem>(
  root: ByteString,
  items: readonly T[],
  onDigest: (item: T, digest: string | undefined) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  const pool = new HashPool<T>({ root, xattrs: false, contentOnly: true }, onDigest);
  const abort = (): void => void pool.close();
  signal?.addEventListener('abort', abort, { once: true });
  try {
    for (const item of items) {
      pool.add(item);
      await pool.drain();
    }
    await pool.finish();
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', abort);
    await pool.close();
  }
}
