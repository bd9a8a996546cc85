/**
 * The index of a layer: its entries in the order of the archive, with the digests of files, as the archive has them. It
 * is kept in the store by diff ID, so that a layer is read once.
 */
import type { Entry } from '../../contract/entry.ts';
import type { JobContext } from '../../contract/session.ts';
import type { Store } from '../../contract/store.ts';
import type { Digest } from '../../core/digest.ts';
import { withGoodBlob } from '../../core/with-good-blob.ts';
import { EntryCollector, type MetadataSum } from './entry-collector.ts';
import type { MergeLimits } from './merge.ts';
import { PackedEntries } from './packed-entries.ts';
import { type OpenLayer, readLayerArchive } from './read-layer.ts';

/**
 * The entries of a layer: from the store, else by reading the layer.
 * @throws CtxsrcError as `readLayerArchive`
 */
export async function layerEntries(
  job: JobContext,
  store: Store,
  layer: OpenLayer,
  limits: MergeLimits & { readonly maxRatio: number },
  metadata: MetadataSum,
): Promise<Iterable<Entry>> {
  return (await storedEntries(store, layer.diffId)) ?? readEntries(job, store, layer, limits, metadata);
}

/**
 * The entries of a layer by reading it; the store keeps them.
 * @throws CtxsrcError as `readLayerArchive`
 */
export async function readEntries(
  job: JobContext,
  store: Store,
  layer: OpenLayer,
  limits: MergeLimits & { readonly maxRatio: number },
  metadata: MetadataSum,
): Promise<Iterable<Entry>> {
  const entries = await withGoodBlob(async () => {
    const collector = new EntryCollector(limits, metadata);
    await readLayerArchive(job, store, layer, collector, limits.maxRatio);
    return collector.end();
  });
  await store.entryIndexes.put(layer.diffId, entries.pieces);
  return entries;
}

/** The entries of a layer that the store has an index of. */
export async function storedEntries(store: Store, diffId: Digest): Promise<Iterable<Entry> | undefined> {
  const pieces = await store.entryIndexes.get(diffId);
  return pieces && new PackedEntries(pieces);
}
