/** Brings the blobs of all layers of an image into the store. */
import type { JobContext } from '../contract/session.ts';
import type { SourceEnv } from '../contract/source.ts';
import type { Digest } from '../core/digest.ts';
import { failureOf } from '../core/progress.ts';
import { workThrough } from '../core/side-by-side.ts';
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
    const most = (): number => Math.max(1, env.network.parallel);
    await workThrough(missing, { most, signal: job.signal }, async ({ descriptor, layers }, signal) => {
      const first = layers[0]!;
      const fetched = (bytes: number): void => all.advance(first, 'fetched', bytes);
      await fetchLayer({ ...job, signal, progress: all.of(first) }, env, provider, descriptor, { fetched });
      for (const index of layers) all.finish(index);
    });
    all.end(missing.length === 0 ? 'cached' : 'done');
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
