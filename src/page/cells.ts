/** Parts that pages of all kinds share. */
import { printable } from '../core/printable.ts';
import { type ByteString, isUtf8, textOfBytes } from '../fs/byte-string.ts';
import type { Fact } from './model.ts';

/** Annotations of one place as facts. */
export function factsOf(place: string, annotations: Readonly<Record<string, string>> = {}): Fact[] {
  return Object.entries(annotations).map(([name, value]) => ({ label: `${place} ${name}`, value }));
}

/** Longer ones are cut: nobody reads them, and each would stand in the page. */
const MOST_PATH = 4096;

/** A path for a page, harmless wherever it is shown; bytes that are not UTF-8 are told from characters that look so. */
export function pathText(path: ByteString): string {
  const shown = isUtf8(path)
    ? textOfBytes(path)
    : path.replace(/[\x80-\xff]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16)}`);
  return printable(shown.slice(0, MOST_PATH));
}
