/** Brings a layer's blob into the store. */
import type { BlobGrowth } from '../contract/blobs.ts';
import type { JobContext } from '../contract/session.ts';
import type { SourceEnv } from '../contract/source.ts';
import { shortDigest } from '../core/digest.ts';
import { Task, tracked } from '../core/progress.ts';
import { tooManyBytes } from '../core/read-limits.ts';
import type { Descriptor } from '../oci/types.ts';
import { layerFrom } from './foreign-layer.ts';
import type { ContentProvider } from './provider.ts';

/**
 * Brings one layer into the store, verified. Errors: those of `BlobStore.ingest` and of `layerFrom`.
 * @param growth for a reader of the blob while it grows: bytes that were announced are not fetched again
 * @param fetched called with the number of bytes so far
 */
export async function fetchLayer(
  job: JobContext,
  env: SourceEnv,
  provider: ContentProvider,
  descriptor: Descriptor,
  { growth, fetched }: { growth?: BlobGrowth | undefined; fetched?: (bytes: number) => void } = {},
): Promise<void> {
  const fetch = async (task: Task): Promise<void> => {
    const outcome = await env.store.blobs.ingest(
      job,
      descriptor,
      async (resume) => {
        const origin = await layerFrom(job, env, provider, descriptor, resume);
        const what = origin.what ?? `layer ${descriptor.digest} of ${provider.storeName}`;
        return { ...origin, what, body: tracked(origin, task, fetched) };
      },
      { growth },
    );
    if (outcome === 'cached') task.end('cached');
  };
  await Task.run(job, provider.phase, `layer ${shortDigest(descriptor.digest)}`, fetch, { total: descriptor.size });
}

/**
 * Compares the sizes in the layers' descriptors with `--max-bytes`, before any is fetched. Received layers are checked
 * against their descriptors.
 * @throws E_LIMIT
 */
export function refuseLarger(layers: readonly Descriptor[], maxBytes: number, image: string): void {
  const sizes = new Map(layers.map(({ digest, size }) => [digest, size]));
  const total = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  if (total > maxBytes) throw tooManyBytes(`the image ${image}`, maxBytes, total);
}
