/**
 * A tag made from an image's digest holds everything of its kind about the image: the list of referrers in an index,
 * cosign's signatures as layers of one manifest. What the destination has there must not get lost.
 */
import { isObject, jsonObject } from '../../core/is-object.ts';
import { MEDIA_TYPE } from '../../oci/media-types.ts';
import type { Descriptor } from '../../oci/types.ts';

/** The list of an image's referrers, for registries that keep none. */
export function referrersIndex(descriptors: readonly Descriptor[]): Uint8Array {
  const manifests = descriptors.map(({ mediaType, digest, size, artifactType, annotations }) => ({
    mediaType,
    digest,
    size,
    artifactType,
    annotations,
  }));
  return Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests }));
}

/**
 * What the tag shall name: `ours`, which may be all, `theirs`, which has all of ours already, or an index of both.
 * @returns undefined if each has something that the other lacks, and no index can hold both
 */
export function joined(theirs: Uint8Array, ours: Uint8Array): Uint8Array | undefined {
  const [there, here] = [theirs, ours].map((bytes) => jsonObject(Buffer.from(bytes).toString()));
  const [has, brings] = [partsOf(there), partsOf(here)];
  if ([...has.keys()].every((digest) => brings.has(digest))) return ours;
  const added = [...brings].filter(([digest]) => !has.has(digest)).map(([, part]) => part);
  if (added.length === 0) return theirs;
  if (!Array.isArray(there?.manifests) || !Array.isArray(here?.manifests)) return undefined;
  return Buffer.from(JSON.stringify({ ...there, manifests: [...there.manifests, ...added] }));
}

/** The entries of an index, or the layers of a manifest, by digest. */
function partsOf(document: Record<string, unknown> | undefined): ReadonlyMap<unknown, unknown> {
  const { manifests, layers } = document ?? {};
  const list: readonly unknown[] = Array.isArray(manifests) ? manifests : Array.isArray(layers) ? layers : [];
  return new Map(list.filter(isObject).map((one) => [one.digest, one]));
}
