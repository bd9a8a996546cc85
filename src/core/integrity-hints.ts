/** Hints that several errors of exit 5 (content is damaged) share. */

/** For bytes that do not match their digest. */
export const CONTENT_DAMAGED =
  'it was damaged or changed at its origin or on the way: get a good copy, or try a mirror (--mirror)';

/** For fewer or more bytes than were declared. */
export const SIZE_WRONG =
  'it was cut off at its origin, or what declares its size is wrong: push or copy the image again';

/** For a damaged blob file in a layout that belongs to the user. */
export const LAYOUT_DAMAGED = 'the layout was damaged: copy the image into it again';

/** For a document that matches its digest but is invalid. */
export const IMAGE_INVALID = 'a tool wrote it wrongly: build the image, or push it, again with a current one';
