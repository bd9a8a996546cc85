/**
 * The index of a layer: its entries in the order of the archive, with the digests of files, as the archive has them. It
 * is kept in the store by diff ID, so that a layer is read once.
 */
import type { Entry } from '../../contract/entry.ts';
import type { JobContext } from '../../contract/session.ts';
import type { Store } from '../../contract/store.ts';
import type { Digest } from '../../core/digest.ts';
import { entriesOfRows, ROW_SEPARATOR, rowOf } from '../../fs/entry/json-rows.ts';
import { EntryCollector, type MetadataSum } from './entry-collector.ts';
import type { MergeLimits } from './merge.ts';
import { mended, type OpenLayer, readLayerArchive } from './read-layer.ts';

/** Entries whose rows are one piece. Names and attributes of one are 3 MiB at most, and six times that as JSON. */
const PIECE = 16;

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
): Promise<readonly Entry[]> {
  const stored = await storedEntries(store, layer.diffId);
  if (stored === undefined) return readEntries(job, store, layer, limits, metadata);
  const entries = [...stored];
  for (const entry of entries) metadata.add(entry);
  return entries;
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
): Promise<readonly Entry[]> {
  const entries = await mended(async () => {
    const collector = new EntryCollector(limits, metadata);
    await readLayerArchive(job, store, layer, collector, limits.maxRatio);
    return collector.entries;
  });
  await store.entryIndexes.put(layer.diffId, rowPieces(entries));
  return entries;
}

/** The entries of a layer that the store has an index of, each decoded when its turn comes. */
export async function storedEntries(store: Store, diffId: Digest): Promise<Iterable<Entry> | undefined> {
  const rows = await store.entryIndexes.get(diffId);
  if (rows === undefined) return undefined;
  return rows.length === 0 ? [] : entriesOfRows([rows]);
}

/** The rows of entries in pieces: as one text they could be longer than a text may be. */
function* rowPieces(entries: readonly Entry[]): Generator<Buffer> {
  for (let start = 0; start < entries.length; start += PIECE) {
    const rows = entries.slice(start, start + PIECE).map(rowOf);
    yield Buffer.from(`${start === 0 ? '' : ROW_SEPARATOR}${rows.join(ROW_SEPARATOR)}`);
  }
}
