/** Makes the blobs of all layers of an image present in the store. */
import { setMaxListeners } from 'node:events';
import type { JobContext } from '../contract/session.ts';
import type { SourceEnv } from '../contract/source.ts';
import type { Digest } from '../core/digest.ts';
import type { Descriptor } from '../oci/types.ts';
import { LayersTask } from './layers-task.ts';
import type { ContentProvider } from './provider.ts';
import { fetchLayer } from './pull.ts';

/**
 * Makes all the layers present, as many at a time as `--parallel` says. The first failure stops the others; what they
 * have of a blob is kept by the store for resuming.
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
