/**
 * All layers of an image into a directory. Blobs are read from the store, or from the file they grow in while they are
 * downloaded: download, verification, decompression, parsing and writing overlap, and nothing is kept in memory.
 */
import { setMaxListeners } from 'node:events';
import type { RecipeLayer, WriteOptions, WriteReport } from '../../contract/ref.ts';
import type { JobContext } from '../../contract/session.ts';
import type { Store } from '../../contract/store.ts';
import type { Digest } from '../../core/digest.ts';
import { CtxsrcError, isCtxsrcError } from '../../core/errors.ts';
import { IMAGE_INVALID } from '../../core/integrity-hints.ts';
import { failureOf } from '../../core/progress.ts';
import { PathFilter } from '../../fs/match/path-filter.ts';
import { BlobTable } from '../../layer/threads/protocol.ts';
import { BlobFeed, explainMismatch } from './blob-feed.ts';
import { UnpackProgress } from './progress.ts';
import { UnpackThreads } from './threads.ts';

/** What bytes that are not the layer's lead to. */
const isDamage = (error: unknown): boolean =>
  isCtxsrcError(error) && /^E_(?:ARCHIVE_INVALID|DIFF_ID_MISMATCH|UNSAFE)$/.test(error.code);

async function isMissing(store: Store, { descriptor, file }: RecipeLayer): Promise<boolean> {
  return file === undefined && (await store.blobs.size(descriptor.digest)) === undefined;
}

/** What is wrong with a layer, with its digest: the reader of archives knows none. */
function ofLayer(error: CtxsrcError, digest: Digest): CtxsrcError {
  if (error.message.includes(digest)) return error;
  const usual = error.code === 'E_ARCHIVE_INVALID' ? IMAGE_INVALID : undefined;
  return error.with({ message: `layer ${digest}: ${error.message}`, hint: error.hint ?? usual });
}

/**
 * Unpacks `layers`, base first, into `dir`, which exists, is empty and is nobody else's. On failure it is left half-done,
 * for the caller to remove; no thread and no download goes on.
 * @throws CtxsrcError `E_PATTERN` and `E_PATH_NOT_FOUND` (the filter), `E_DIGEST_MISMATCH` (a blob), `E_DIFF_ID_MISMATCH`,
 * `E_ARCHIVE_INVALID`, `E_UNSAFE`, `E_LIMIT`, local I/O, what fetching fails with, or the reason of the abort
 */
export async function unpackLayers(
  job: JobContext,
  store: Store,
  layers: readonly RecipeLayer[],
  dir: string,
  options: WriteOptions,
): Promise<WriteReport> {
  job.signal.throwIfAborted();
  // Patterns are read again where they are used; a wrong one must be known before anything is fetched.
  if (options.filter !== undefined) new PathFilter(options.filter);
  const stop = new AbortController();
  const inner: JobContext = { ...job, signal: AbortSignal.any([job.signal, stop.signal]) };
  // Each layer that is on its way listens.
  setMaxListeners(0, inner.signal);
  const blobs = new BlobTable(layers.length);
  const missing = await Promise.all(layers.map((layer) => isMissing(store, layer)));
  job.signal.throwIfAborted();
  const progress = new UnpackProgress(job, layers, missing);
  const threads = new UnpackThreads({
    dir,
    options,
    layers,
    blobs,
    counters: progress.counters,
    signal: job.signal,
    onLayer: (layer) => {
      progress.reached(layer);
      feed.reached(layer);
    },
    onApplied: () => progress.applied(),
  });
  const feed = new BlobFeed(inner, store, layers, blobs, progress, () => threads.blobsChanged(), job.signal);
  try {
    const [report] = await Promise.all([threads.result, feed.run()]);
    progress.end('done');
    // They have nothing left to do: taking them down (50 ms) need not be waited for.
    void threads.close();
    return report;
  } catch (error) {
    progress.end(failureOf(job.signal, error));
    await threads.close();
    // A blob that is not what it was announced as is the reason, not what came of unpacking it: which of the two it is
    // shows when all of it is there.
    const layer = threads.failedLayer;
    if (layer !== undefined && isDamage(error)) await feed.settled(layer);
    stop.abort(new CtxsrcError('E_INTERRUPTED', 'unpacking has ended'));
    const reason = await feed.failure();
    job.signal.throwIfAborted();
    if (reason !== undefined) throw reason;
    if (layer === undefined || !isCtxsrcError(error)) throw error;
    const { digest } = layers[layer]!.descriptor;
    const explained = feed.wasCached(layer) ? await explainMismatch(store, digest, error) : error;
    throw explained === error && isDamage(error) ? ofLayer(error, digest) : explained;
  } finally {
    feed.close();
  }
}
