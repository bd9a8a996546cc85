/** Annotations by which an `index.json` names its images. */

/** Holds a tag (image-spec, annotations.md). */
export const REF_NAME = 'org.opencontainers.image.ref.name';
/** Holds a whole reference: containerd and `docker save` use it to tell images with the same tag apart. */
export const CONTAINERD_NAME = 'io.containerd.image.name';
