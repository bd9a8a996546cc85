/** The image around the one layer of a source's files: its bytes are a function of the layer and the annotations. */
import { type Digest, sha256 } from '../../../core/digest.ts';
import { FORMAT } from '../../../layer/format/tar.ts';
import { MEDIA_TYPE } from '../../../oci/media-types.ts';
import { CREATED, TREE_FORMAT, TREE_KEY } from '../../../oci/tree-annotations.ts';
import type { Descriptor } from '../../../oci/types.ts';
import { blobOf, contentOfFile } from '../../../registry/push/blob.ts';
import type { PushPlan } from '../plan.ts';
import type { Layer } from './layer.ts';

export interface ImageOptions {
  /** The time of the files, in seconds. */
  readonly time: number;
  /** Further annotations of the manifest. */
  readonly annotations: Readonly<Record<string, string>>;
}

/**
 * The blobs and the manifest to push.
 * @param path the file with the layer
 */
export function planTree(layer: Layer, path: string, { time, annotations }: ImageOptions): PushPlan {
  const created = timeText(time);
  const config = json({
    created,
    // An image has to have a platform; a manifest that stands alone is taken for every one.
    architecture: 'amd64',
    os: 'linux',
    config: {},
    rootfs: { type: 'layers', diff_ids: [layer.diffId] },
    history: [{ created, created_by: `ctxsrc push, format ${FORMAT}` }],
  });
  const configuration = blobOf(config, 'configuration');
  const manifest = json({
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.ociManifest,
    config: descriptor(MEDIA_TYPE.ociConfig, configuration),
    layers: [descriptor(MEDIA_TYPE.ociLayerGzip, layer)],
    annotations: sorted({ ...annotations, ...treeAnnotations(layer.key, time) }),
  });
  return {
    root: { digest: sha256(manifest), mediaType: MEDIA_TYPE.ociManifest, bytes: manifest },
    children: [],
    blobs: [
      configuration,
      { digest: layer.digest, size: layer.size, kind: 'layer', content: async () => contentOfFile(path) },
    ],
    index: undefined,
    attestations: 0,
  };
}

/** The annotations that are functions of the content. */
function treeAnnotations(key: Digest, time: number): Record<string, string> {
  return { [TREE_FORMAT]: String(FORMAT), [TREE_KEY]: key, [CREATED]: timeText(time) };
}

/** RFC 3339, in UTC and without a fraction. */
function timeText(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');
}

function descriptor(mediaType: string, { digest, size }: Omit<Descriptor, 'mediaType'>): Descriptor {
  return { mediaType, digest, size };
}

function json(document: object): Buffer {
  return Buffer.from(JSON.stringify(document));
}

function sorted(annotations: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(annotations).sort(([a], [b]) => (a < b ? -1 : 1)));
}
