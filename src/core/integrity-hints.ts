/** What to do about content that is not what it should be: the hints of errors of exit 5 that several places share. */

/** Bytes with another digest than theirs. */
export const CONTENT_DAMAGED =
  'it was damaged or changed at its origin or on the way: get a good copy, or try a mirror (--mirror)';

/** Bytes that are fewer or more than was declared. */
export const SIZE_WRONG =
  'it was cut off at its origin, or what declares its size is wrong: push or copy the image again';

/** A blob file in a layout of the user's. */
export const LAYOUT_DAMAGED = 'the layout was damaged: copy the image into it again';

/** A document of an image that has its digest, and is nonsense. */
export const IMAGE_INVALID = 'a tool wrote it wrongly: build the image, or push it, again with a current one';
