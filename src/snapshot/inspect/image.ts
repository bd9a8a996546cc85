/** The report of an image. */
import { readFile } from 'node:fs/promises';
import type { JobContext, SourceInstance, Store, StoreAdmin } from '../../contract/index.ts';
import { type Digest, isDigest } from '../../core/digest.ts';
import { jsonObject } from '../../core/is-object.ts';
import { memberOf } from '../../core/json-members.ts';
import { formatPlatformAll } from '../../core/platform.ts';
import type { ReadLimits } from '../../core/read-limits.ts';
import type { ImageDescription } from '../../image/describe.ts';
import type { Weights } from '../../image/entries/weigh.ts';
import { isAboutAnother, REFERENCE_DIGEST } from '../../oci/annotations.ts';
import { MAX_DOCUMENT_BYTES } from '../../oci/decode.ts';
import type { Descriptor } from '../../oci/types.ts';
import { findBase } from './base.ts';
import { type History, readHistory, textMember } from './history.ts';
import { type LayerFiles, layerFiles } from './layer-files.ts';
import type { Attestation, HiddenSums, ImageReport, IndexedImage, LayerReport } from './report.ts';

export interface ImageRequest {
  readonly instance: SourceInstance;
  readonly store: Store & Pick<StoreAdmin, 'images'>;
  readonly limits?: ReadLimits | undefined;
  /** Read the layers whose files are not known yet. */
  readonly files: boolean;
  readonly key: string;
}

/** @throws CtxsrcError of reading layers, if that is asked for */
export async function imageReport(
  job: JobContext,
  request: ImageRequest,
  described: ImageDescription,
): Promise<{ readonly report: ImageReport; readonly files: LayerFiles }> {
  const { instance, store, limits, files: read, key } = request;
  const { detail, layers, configuration, annotations, ...facts } = described;
  const files = await layerFiles(job, { instance, store, limits, layers, read });
  const here = await Promise.all(
    layers.map(async ({ digest }) => detail!.inPlace || (await store.blobs.size(digest)) !== undefined),
  );
  const diffIds = memberOf(memberOf(configuration, 'rootfs'), 'diff_ids');
  const history = readHistory(configuration, Array.isArray(diffIds) ? diffIds.length : layers.length);
  const base = findBase(
    await store.images(),
    layers.map(({ diffId }) => diffId),
    [annotations, detail!.descriptorAnnotations, detail!.indexAnnotations],
  );
  const rows = layerRows(described, { here, files, history, base: base?.layers ?? 0 });
  const { images, attestations } = await indexed(store, detail!.offered, described.manifest);
  const report: ImageReport = {
    kind: 'image',
    ...facts,
    index: detail!.index ?? null,
    key,
    created: textMember(configuration, 'created') ?? null,
    missing: rows.reduce((sum, { here, size }) => sum + (here ? 0 : size), 0),
    onDisk: rows.reduce<number | null>((sum, { onDisk }) => (sum === null || onDisk === null ? null : sum + onDisk), 0),
    images,
    attestations,
    base: base ?? null,
    layers: rows,
    history: history.fits,
    steps: layers.length === history.layers.length ? history.rest : [],
    hidden: files.weights === undefined ? null : hiddenSums(files.weights, base?.layers ?? null),
    largest: files.weights?.largest.map((file) => ({ ...file, layer: file.layer + 1 })) ?? null,
    annotations,
    descriptorAnnotations: detail!.descriptorAnnotations,
    indexAnnotations: detail!.indexAnnotations,
    configuration,
  };
  return { report, files };
}

function layerRows(
  { layers }: ImageDescription,
  known: {
    readonly here: readonly boolean[];
    readonly files: LayerFiles;
    readonly history: History;
    readonly base: number;
  },
): LayerReport[] {
  const { weights, sums } = known.files;
  const hidden = layers.map(() => 0);
  for (const { layer, size } of weights?.hidden ?? []) hidden[layer]! += size;
  return layers.map((layer, i) => ({
    number: i + 1,
    ...layer,
    here: known.here[i]!,
    base: i < known.base,
    onDisk: sums[i]?.bytes ?? null,
    files: sums[i]?.files ?? null,
    hidden: weights === undefined ? null : hidden[i]!,
    made: known.history.layers[i]?.made ?? null,
    steps: known.history.layers[i]?.steps ?? [],
  }));
}

function hiddenSums({ hidden, alive }: Weights, base: number | null): HiddenSums {
  const sumOf = (files: Weights['hidden']) => ({
    bytes: files.reduce((sum, { size }) => sum + size, 0),
    files: files.length,
  });
  const part = (isBase: boolean) => sumOf(hidden.filter(({ layer }) => layer < base! === isBase));
  return {
    ...sumOf(hidden),
    alive,
    base: base === null ? null : part(true),
    own: base === null ? null : part(false),
    paths: hidden.map(({ path, size, layer, by, how }) => ({ path, size, layer: layer + 1, by: by + 1, how })),
  };
}

/** The entries of the index: images with the attestations about them, and attestations of images that are not there. */
async function indexed(
  store: Store,
  offered: readonly Descriptor[],
  chosen: Digest,
): Promise<Pick<ImageReport, 'images' | 'attestations'>> {
  const about: Attestation[] = [];
  const images: Descriptor[] = [];
  for (const entry of offered) {
    const { digest, size, annotations } = entry;
    if (isAboutAnother(entry)) about.push({ digest, size, subject: annotations?.[REFERENCE_DIGEST] });
    else images.push(entry);
  }
  const rows: IndexedImage[] = [];
  for (const { digest, platform, annotations } of images) {
    rows.push({
      digest,
      platform: platform === undefined ? null : formatPlatformAll(platform),
      chosen: digest === chosen,
      size: await sizeInStore(store, digest),
      annotations,
      attestations: about.filter(({ subject }) => subject === digest),
    });
  }
  const digests = new Set<string | undefined>(images.map(({ digest }) => digest));
  return { images: rows, attestations: about.filter(({ subject }) => !digests.has(subject)) };
}

/** Bytes of the layers of an image whose manifest is in the store. */
async function sizeInStore(store: Store, digest: Digest): Promise<number | null> {
  const size = isDigest(digest) ? await store.blobs.size(digest) : undefined;
  if (size === undefined || size > MAX_DOCUMENT_BYTES) return null;
  const text = await readFile(store.blobs.path(digest), 'utf8').catch(() => '');
  const layers = jsonObject(text)?.layers;
  const sizes = Array.isArray(layers) ? layers.map((layer) => memberOf(layer, 'size')) : [undefined];
  return sizes.every((one) => typeof one === 'number') ? sizes.reduce((sum, one) => sum + one, 0) : null;
}
