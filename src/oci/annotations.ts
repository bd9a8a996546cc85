/** Annotations in the entries of an index: names of images, and what marks an attestation. */
import type { Descriptor } from './types.ts';

/** Holds a tag (image-spec, annotations.md). */
export const REF_NAME = 'org.opencontainers.image.ref.name';
/** Holds a whole reference: containerd and `docker save` use it to tell images with the same tag apart. */
export const CONTAINERD_NAME = 'io.containerd.image.name';
/** Marks an entry as something about another one; what it is. BuildKit writes both. */
const REFERENCE_TYPE = 'vnd.docker.reference.type';
/** The entry that it is about. */
export const REFERENCE_DIGEST = 'vnd.docker.reference.digest';

/** An entry that is no image, but says something about one. */
export function isAboutAnother({ annotations, platform }: Descriptor): boolean {
  return annotations?.[REFERENCE_TYPE] !== undefined || platform?.os === 'unknown';
}
