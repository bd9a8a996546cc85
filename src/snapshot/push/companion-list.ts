/**
 * A tag made from an image's digest holds everything of its kind about the image: the list of referrers in an index,
 * cosign's signatures as layers of one manifest. What the destination has there must not get lost.
 */
import { isObject, jsonObject } from '../../core/is-object.ts';
import { stableJson } from '../../core/stable-json.ts';
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
 * @returns undefined if each has something that the other lacks, and no index can hold both, or if a document has no list
 */
export function joined(theirs: Uint8Array, ours: Uint8Array): Uint8Array | undefined {
  const [there, here] = [theirs, ours].map((bytes) => jsonObject(Buffer.from(bytes).toString()));
  const [has, brings] = [partsOf(there), partsOf(here)];
  if (has === undefined || brings === undefined) return undefined;
  if ([...has.keys()].every((part) => brings.has(part))) return ours;
  const added = [...brings].filter(([part]) => !has.has(part)).map(([, part]) => part);
  if (added.length === 0) return theirs;
  if (!Array.isArray(there?.manifests) || !Array.isArray(here?.manifests)) return undefined;
  return Buffer.from(JSON.stringify({ ...there, manifests: [...there.manifests, ...added] }));
}

/**
 * The entries of an index by digest, or the layers of a manifest by their whole descriptors: cosign's signatures of one
 * image share a payload, thus its digest, and differ in their annotations.
 */
function partsOf(document: Record<string, unknown> | undefined): ReadonlyMap<unknown, unknown> | undefined {
  const { manifests, layers } = document ?? {};
  if (Array.isArray(manifests)) return new Map(manifests.filter(isObject).map((one) => [one.digest, one]));
  if (Array.isArray(layers)) return new Map(layers.filter(isObject).map((one) => [stableJson(one), one]));
  return undefined;
}
