/**
 * Unpacks all layers of an image into a directory. Blobs are read from the store, or from the file in which they grow
 * during download: download, verification, decompression, parsing and writing overlap, and memory use is constant.
 */
import { setMaxListeners } from 'node:events';
import type { RecipeLayer, WriteOptions, WriteReport } from '../../contract/ref.ts';
import type { JobContext } from '../../contract/session.ts';
import type { Store } from '../../contract/store.ts';
import { CtxsrcError, isCtxsrcError } from '../../core/errors.ts';
import { failureOf } from '../../core/progress.ts';
import { PathFilter } from '../../fs/match/path-filter.ts';
import { BlobTable } from '../../layer/threads/protocol.ts';
import { isDamage, ofLayer } from '../layer-damage.ts';
import { BlobFeed, explainMismatch } from './blob-feed.ts';
import { UnpackProgress } from './progress.ts';
import { UnpackThreads } from './threads.ts';

async function isMissing(store: Store, { descriptor, file }: RecipeLayer): Promise<boolean> {
  return file === undefined && (await store.blobs.size(descriptor.digest)) !== descriptor.size;
}

/**
 * Unpacks `layers`, base first, into `dir`, an empty directory that no other process uses. On failure the directory is
 * incomplete and the caller removes it; all threads and downloads have ended.
 * @throws CtxsrcError `E_PATTERN` and `E_PATH_NOT_FOUND` (the filter), `E_DIGEST_MISMATCH` (a blob),
 * `E_DIFF_ID_MISMATCH`, `E_ARCHIVE_INVALID`, `E_UNSAFE`, `E_LIMIT`, local I/O, failures of fetching, or the reason of
 * the abort
 */
export async function unpackLayers(
  job: JobContext,
  store: Store,
  layers: readonly RecipeLayer[],
  dir: string,
  options: WriteOptions,
): Promise<WriteReport> {
  job.signal.throwIfAborted();
  // The thread parses the patterns again; here a bad pattern is found before anything is fetched.
  if (options.filter !== undefined) new PathFilter(options.filter);
  const stop = new AbortController();
  const inner: JobContext = { ...job, signal: AbortSignal.any([job.signal, stop.signal]) };
  // Every layer in progress has a listener.
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
  const onChange = () => threads.blobsChanged();
  const feed = new BlobFeed({ job: inner, store, layers, blobs, missing, progress, onChange, abort: job.signal });
  try {
    const [report] = await Promise.all([threads.result, feed.run()]);
    progress.end('done');
    // The threads have nothing left to do: terminating them takes 50 ms, which are not waited for.
    void threads.close();
    return report;
  } catch (error) {
    progress.end(failureOf(job.signal, error));
    await threads.close();
    // A blob that does not match its digest is the reason, not the unpacking error that follows from it. Which of the
    // two applies is known when the blob is complete.
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
