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
  /** The entries of a layer in the order of its archive, once more. */
  entries(layer: number): Promise<Iterable<Entry>>;
}

/** @throws CtxsrcError those of reading layers */
export async function layerFiles(job: JobContext, request: FilesRequest): Promise<LayerFiles> {
  const { layers, limits = {}, read } = request;
  const unkept = read ? await readMissing(job, request) : new Map<number, readonly Entry[]>();
  const found = async (layer: number): Promise<Iterable<Entry> | undefined> =>
    unkept.get(layer) ?? indexed(request, layer);
  const entries = async (layer: number): Promise<Iterable<Entry>> => (await found(layer)) ?? [];
  const known = new Set<number>();
  for (const layer of layers.keys()) if ((await found(layer)) !== undefined) known.add(layer);
  if (known.size === layers.length) {
    const asked = layers.map(({ digest }, layer) => ({ digest, entries: () => entries(layer) }));
    const weights = await weighLayers(job.signal, asked, listingLimits(limits));
    return { weights, sums: weights.layers, entries };
  }
  const sums: LayerFiles['sums'][number][] = [];
  for (const layer of layers.keys()) sums.push(known.has(layer) ? sumLayer(await entries(layer)) : undefined);
  return { weights: undefined, sums, entries };
}

/** The layers without an index are read; the entries of one whose index the store cannot keep are given back. */
async function readMissing(job: JobContext, request: FilesRequest): Promise<Map<number, readonly Entry[]>> {
  const { instance, store, limits = {}, layers } = request;
  const unkept = new Map<number, readonly Entry[]>();
  const missing: number[] = [];
  for (const layer of layers.keys()) if ((await indexed(request, layer)) === undefined) missing.push(layer);
  const ref = missing.length === 0 ? null : await instance.snapshot(job);
  if (ref === null) return unkept;
  try {
    const open = await layersOf(job, ref);
    const metadata = new MetadataSum();
    for (const layer of missing) {
      const list = await readEntries(job, store, open![layer]!, listingLimits(limits), metadata);
      if ((await indexed(request, layer)) === undefined) unkept.set(layer, list);
    }
  } finally {
    await ref.release();
  }
  return unkept;
}

/** The entries of a layer that the store has an index of. */
async function indexed({ store, layers }: FilesRequest, layer: number): Promise<Iterable<Entry> | undefined> {
  const { diffId } = layers[layer]!;
  return isDigest(diffId) ? storedEntries(store, diffId) : undefined;
}
