/** The content key that an image made of a source's files says it has (`docs/push.md#files-as-an-image`). */
import type { JobContext } from '../contract/session.ts';
import type { SourceInstance } from '../contract/source.ts';
import { type Digest, isDigest } from '../core/digest.ts';
import { decodeManifest } from '../oci/decode.ts';
import { TREE_FORMAT, TREE_KEY } from '../oci/tree-annotations.ts';
import type { Descriptor } from '../oci/types.ts';

export interface TreeManifest {
  /** The number of the format. */
  readonly format: number;
  readonly key: Digest;
  readonly annotations: Readonly<Record<string, string>>;
  /** The one layer. */
  readonly layer: Descriptor;
}

/** The facts of such an image; undefined for any other source or manifest. Believe none of them without a check. */
export async function treeManifest(job: JobContext, instance: SourceInstance): Promise<TreeManifest | undefined> {
  const documents = await instance.image?.(job);
  if (documents === undefined) return undefined;
  const { descriptor, bytes } = documents.manifest;
  const { annotations = {}, layers } = decodeManifest(
    bytes,
    descriptor.mediaType,
    `manifest ${descriptor.digest}`,
  ).value;
  const [layer] = layers;
  if (layer === undefined || layers.length !== 1) return undefined;
  const { [TREE_FORMAT]: format, [TREE_KEY]: key } = annotations;
  if (typeof format !== 'string' || !/^\d{1,6}$/.test(format)) return undefined;
  if (typeof key !== 'string' || !isDigest(key)) return undefined;
  return { format: Number(format), key, annotations, layer };
}
