/** Brings the blobs of all layers of an image into the store. */
import { setMaxListeners } from 'node:events';
import type { JobContext } from '../contract/session.ts';
import type { SourceEnv } from '../contract/source.ts';
import type { Digest } from '../core/digest.ts';
import { failureOf } from '../core/progress.ts';
import type { Descriptor } from '../oci/types.ts';
import { LayersTask } from './layers-task.ts';
import type { ContentProvider } from './provider.ts';
import { fetchLayer } from './pull.ts';

/** A blob, and the numbers of the layers that consist of it. */
interface Wanted {
  readonly descriptor: Descriptor;
  readonly layers: number[];
}

/**
 * Brings all layers into the store, `--parallel` at a time. The first failure stops the others; the store keeps their
 * partial blobs for resuming.
 */
export async function pullLayers(
  job: JobContext,
  env: SourceEnv,
  provider: ContentProvider,
  layers: readonly Descriptor[],
): Promise<void> {
  const sizes = layers.map(({ size }) => size);
  const all = new LayersTask(job.progress, provider.phase, sizes);
  try {
    const missing = await missingOf(env, layers, (index) => all.finish(index));
    const isCached = missing.length === 0;
    const stop = new AbortController();
    const shared: JobContext = { ...job, signal: AbortSignal.any([job.signal, stop.signal]) };
    // Every layer in progress has a listener.
    setMaxListeners(0, shared.signal);
    const errors: unknown[] = [];
    const work = async (): Promise<void> => {
      for (let next = missing.shift(); next !== undefined && errors.length === 0; next = missing.shift()) {
        const { descriptor, layers } = next;
        const first = layers[0]!;
        const placed = { ...shared, progress: all.of(first) };
        try {
          const fetched = (bytes: number): void => all.advance(first, 'fetched', bytes);
          await fetchLayer(placed, env, provider, descriptor, { fetched });
          for (const index of layers) all.finish(index);
        } catch (error) {
          errors.push(error);
          stop.abort();
        }
      }
    };
    await Promise.all(Array.from({ length: Math.max(1, env.network.parallel) }, work));
    if (errors.length > 0) throw errors[0];
    all.end(isCached ? 'cached' : 'done');
  } catch (error) {
    all.end(failureOf(job.signal, error));
    throw error;
  }
}

/** The blobs that the store lacks, each once, in the order of the layers; the others are reported as present. */
async function missingOf(
  env: SourceEnv,
  layers: readonly Descriptor[],
  isThere: (index: number) => void,
): Promise<Wanted[]> {
  const wanted = new Map<Digest, Wanted>();
  for (const [index, descriptor] of layers.entries()) {
    const known = wanted.get(descriptor.digest);
    if (known !== undefined) known.layers.push(index);
    else if ((await env.store.blobs.size(descriptor.digest)) === descriptor.size) isThere(index);
    else wanted.set(descriptor.digest, { descriptor, layers: [index] });
  }
  return [...wanted.values()];
}
