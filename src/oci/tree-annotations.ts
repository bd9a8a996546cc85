/** Annotations of images that were made of a source's files. */

/** When the image was made (image-spec, annotations.md). */
export const CREATED = 'org.opencontainers.image.created';
/** The number of the format in which this program packed a source's files as the image. */
export const TREE_FORMAT = 'dev.ctxsrc.format';
/** The content key that a directory with the image's files has. */
export const TREE_KEY = 'dev.ctxsrc.key';
/** What the source was pinned to: a commit, the digest of a body. */
export const TREE_PIN = 'dev.ctxsrc.pin';
