/** Annotations by which an `index.json` names its images. */

/** Holds a tag (image-spec, annotations.md). */
export const REF_NAME = 'org.opencontainers.image.ref.name';
/** By it containerd and `docker save` tell images with the same tag apart: a whole reference. */
export const CONTAINERD_NAME = 'io.containerd.image.name';
