/** The content key that an image made of a source's files says it has (`docs/push.md#files-as-an-image`). */
import type { JobContext } from '../contract/session.ts';
import type { SourceInstance } from '../contract/source.ts';
import { type Digest, isDigest } from '../core/digest.ts';
import { decodeManifest } from '../oci/decode.ts';
import { TREE_FORMAT, TREE_KEY } from '../oci/tree-annotations.ts';

/** The key that such an image names; undefined for any other source or manifest. Do not believe it without a check. */
export async function treeKey(job: JobContext, instance: SourceInstance): Promise<Digest | undefined> {
  const documents = await instance.image?.(job);
  if (documents === undefined) return undefined;
  const { descriptor, bytes } = documents.manifest;
  const { annotations = {}, layers } = decodeManifest(
    bytes,
    descriptor.mediaType,
    `manifest ${descriptor.digest}`,
  ).value;
  if (layers.length !== 1) return undefined;
  const { [TREE_FORMAT]: format, [TREE_KEY]: key } = annotations;
  if (typeof format !== 'string' || !/^\d{1,6}$/.test(format)) return undefined;
  return typeof key === 'string' && isDigest(key) ? key : undefined;
}
