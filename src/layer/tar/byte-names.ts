/** Names as byte strings, and how they are shown and reported. */
import { shortened } from '../../core/printable.ts';

const NOT_ASCII = /[\x80-\xff]/;
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text of the bytes; undefined if they are not UTF-8. */
export function utf8Text(bytes: string): string | undefined {
  if (!NOT_ASCII.test(bytes)) return bytes;
  try {
    return decoder.decode(Buffer.from(bytes, 'latin1'));
  } catch {
    return undefined;
  }
}

/** The bytes for a message: as UTF-8 where they are, without control characters, cut where it is long. */
export function shortenedBytes(bytes: string): string {
  return shortened(utf8Text(bytes) ?? bytes);
}

/** A path or link text for `node:fs`. */
export function bytePath(bytes: string): string | Buffer {
  return NOT_ASCII.test(bytes) ? Buffer.from(bytes, 'latin1') : bytes;
}
