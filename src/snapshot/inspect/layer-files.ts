/** The files of an image's layers for its report: from the indexes in the store, else, where that is asked for, read. */
import type { Entry, JobContext, SourceInstance, Store } from '../../contract/index.ts';
import { type Digest, isDigest } from '../../core/digest.ts';
import type { ReadLimits } from '../../core/read-limits.ts';
import { MetadataSum } from '../../image/entries/entry-collector.ts';
import { readEntries, storedEntries } from '../../image/entries/layer-index.ts';
import { sumLayer, type Weights, weighLayers } from '../../image/entries/weigh.ts';
import { layersOf, listingLimits } from '../list/source-files.ts';

export interface FilesRequest {
  readonly instance: SourceInstance;
  readonly store: Store;
  readonly limits?: ReadLimits | undefined;
  /** Base first. */
  readonly layers: readonly { readonly digest: Digest; readonly diffId: string }[];
  /** Read the layers that the store has no index of. */
  readonly read: boolean;
}

export interface LayerFiles {
  /** Undefined if the files of a layer are not known. */
  readonly weights: Weights | undefined;
  /** Bytes and number of each layer's files, as far as they are known. */
  readonly sums: readonly ({ readonly bytes: number; readonly files: number } | undefined)[];
  /** The entries of a layer in the order of its archive, as often as they are walked. */
  entries(layer: number): Iterable<Entry>;
}

/** @throws CtxsrcError those of reading layers */
export async function layerFiles(job: JobContext, request: FilesRequest): Promise<LayerFiles> {
  const { layers, store, limits = {}, read } = request;
  const found: (Iterable<Entry> | undefined)[] = [];
  for (const { diffId } of layers) found.push(isDigest(diffId) ? await storedEntries(store, diffId) : undefined);
  if (read && found.includes(undefined)) await readMissing(job, request, found);
  const entries = (layer: number): Iterable<Entry> => found[layer] ?? [];
  if (found.includes(undefined)) {
    return { weights: undefined, sums: found.map((one) => one && sumLayer(one)), entries };
  }
  const asked = layers.map(({ digest }, layer) => ({ digest, entries: entries(layer) }));
  const weights = weighLayers(job.signal, asked, listingLimits(limits));
  return { weights, sums: weights.layers, entries };
}

/** Reads the layers whose entries were not found. */
async function readMissing(
  job: JobContext,
  { instance, store, limits = {} }: FilesRequest,
  found: (Iterable<Entry> | undefined)[],
): Promise<void> {
  const ref = await instance.snapshot(job);
  if (ref === null) return;
  try {
    const open = await layersOf(job, ref);
    const metadata = new MetadataSum();
    for (const layer of found.keys()) {
      found[layer] ??= await readEntries(job, store, open![layer]!, listingLimits(limits), metadata);
    }
  } finally {
    await ref.release();
  }
}
