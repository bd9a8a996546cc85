/** Makes an image's layer blobs present in the store. */
import { setMaxListeners } from 'node:events';
import type { BlobGrowth } from '../contract/blobs.ts';
import type { JobContext } from '../contract/session.ts';
import type { SourceEnv } from '../contract/source.ts';
import { type Digest, shortDigest } from '../core/digest.ts';
import { isAbort } from '../core/errors.ts';
import { counted, Task } from '../core/progress.ts';
import { tooManyBytes } from '../core/read-limits.ts';
import type { Descriptor } from '../oci/types.ts';
import { layerFrom } from './foreign-layer.ts';
import { LayersTask } from './layers-task.ts';
import type { ContentProvider } from './provider.ts';

/** Makes one layer present in the store, verified. Errors: those of `BlobStore.ingest` and of `layerFrom`. */
export async function fetchLayer(
  job: JobContext,
  env: SourceEnv,
  provider: ContentProvider,
  descriptor: Descriptor,
  growth?: BlobGrowth,
): Promise<void> {
  const task = new Task(job.progress, provider.phase, `layer ${shortDigest(descriptor.digest)}`, {
    total: descriptor.size,
  });
  try {
    const outcome = await env.store.blobs.ingest(
      job,
      descriptor,
      async (resume) => {
        const origin = await layerFrom(job, env, provider, descriptor, resume);
        const what = origin.what ?? `layer ${descriptor.digest} of ${provider.storeName}`;
        return { ...origin, what, body: counted(origin, task) };
      },
      { growth },
    );
    task.end(outcome === 'cached' ? 'cached' : 'done');
  } catch (error) {
    task.end(isAbort(error) ? 'aborted' : 'failed');
    throw error;
  }
}

/**
 * Compares what the layers have, as their descriptors say, with `--max-bytes`, before any of them is fetched. What arrives
 * is held to its descriptor.
 * @throws E_LIMIT
 */
export function refuseLarger(layers: readonly Descriptor[], maxBytes: number, image: string): void {
  const sizes = new Map(layers.map(({ digest, size }) => [digest, size]));
  const total = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  if (total > maxBytes) throw tooManyBytes(`the image ${image}`, maxBytes, total);
}

/**
 * Makes all the layers present, as many at a time as `--parallel` says. The first failure stops the others; what they have of a blob is
 * kept by the store for resuming.
 */
export async function pullLayers(
  job: JobContext,
  env: SourceEnv,
  provider: ContentProvider,
  layers: readonly Descriptor[],
): Promise<void> {
  const all = new LayersTask(
    job.progress,
    provider.phase,
    layers.map(({ size }) => size),
  );
  const finish = (digest: Digest): void => {
    for (const [index, layer] of layers.entries()) if (layer.digest === digest) all.finish(index);
  };
  // What is there already counts as done from the beginning.
  let isCached = true;
  for (const { digest } of layers) {
    if ((await env.store.blobs.size(digest)) !== undefined) finish(digest);
    else isCached = false;
  }
  const missing = [...new Map(layers.map((layer, index) => [layer.digest, { layer, index }])).values()].reverse();
  const stop = new AbortController();
  const shared: JobContext = { ...job, signal: AbortSignal.any([job.signal, stop.signal]) };
  // Each layer that is on its way listens.
  setMaxListeners(0, shared.signal);
  const errors: unknown[] = [];
  const work = async (): Promise<void> => {
    for (let next = missing.pop(); next !== undefined && errors.length === 0; next = missing.pop()) {
      const { layer, index } = next;
      const placed = { ...shared, progress: all.of(index) };
      try {
        await fetchLayer(placed, env, provider, layer, (_path, bytes) => all.advance(index, 'fetched', bytes));
        finish(layer.digest);
      } catch (error) {
        errors.push(error);
        stop.abort();
      }
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, env.network.parallel) }, work));
  if (errors.length > 0) {
    all.end(job.signal.aborted ? 'aborted' : 'failed');
    throw errors[0];
  }
  all.end(isCached ? 'cached' : 'done');
}
