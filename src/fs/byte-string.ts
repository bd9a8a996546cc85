/**
 * Names and paths of a file system are bytes. A `ByteString` holds one byte per character (latin-1): it compares,
 * sorts, splits and hashes as the bytes do, costs no more than text, and keeps names that are not UTF-8.
 */
import { goText } from '../core/go/text.ts';
import { printable, shortened } from '../core/printable.ts';

/** Bytes as text, one character (U+0000 to U+00FF) each. */
export type ByteString = string;

/** Undocumented fast paths below Buffer#toString and #write, which take half of the time in loops over short texts. */
export interface Latin1Buffer extends Buffer {
  latin1Slice(start: number, end: number): ByteString;
  latin1Write(text: ByteString, start: number): number;
}

const NOT_ASCII = /[^\u0000-\u007f]/;

/** The UTF-8 bytes of a text. */
export function bytesOfText(text: string): ByteString {
  return NOT_ASCII.test(text) ? Buffer.from(text, 'utf8').toString('latin1') : text;
}

/** The text of the bytes as Go reads it: every byte that is not valid UTF-8 becomes U+FFFD. */
export function textOfBytes(bytes: ByteString): string {
  return NOT_ASCII.test(bytes) ? goText(Buffer.from(bytes, 'latin1')) : bytes;
}

/** True when the bytes are valid UTF-8. */
export function isUtf8(bytes: ByteString): boolean {
  return !NOT_ASCII.test(bytes) || bytesOfText(textOfBytes(bytes)) === bytes;
}

/** The bytes for a person: as UTF-8 where they are, else a character for each. */
export function readableBytes(bytes: ByteString): string {
  return isUtf8(bytes) ? textOfBytes(bytes) : bytes;
}

/** As `readableBytes`, without control characters. */
export function printableBytes(bytes: ByteString): string {
  return printable(readableBytes(bytes));
}

/** As `printableBytes`, and cut where it is long. */
export function shortenedBytes(bytes: ByteString): string {
  return shortened(readableBytes(bytes));
}

/** The bytes as `node:fs` accepts a path: text if that is the same, else a buffer. */
export function fsPath(bytes: ByteString): string | Buffer {
  return NOT_ASCII.test(bytes) ? Buffer.from(bytes, 'latin1') : bytes;
}

/** Order of bytes, for `sort`. */
export function compareBytes(a: ByteString, b: ByteString): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
