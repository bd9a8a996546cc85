/** Parts that pages of all kinds share. */
import { printable } from '../core/printable.ts';
import { type ByteString, readableBytes } from '../fs/byte-string.ts';
import type { Fact } from './model.ts';

/** Annotations of one place as facts. */
export function factsOf(place: string, annotations: Readonly<Record<string, string>> = {}): Fact[] {
  return Object.entries(annotations).map(([name, value]) => ({ label: `${place} ${name}`, value }));
}

/** Longer ones are cut: nobody reads them, and each would stand in the page. */
const MOST_PATH = 4096;

/** A path for the data of a page, harmless wherever it is shown. */
export function pathText(path: ByteString): string {
  return printable(readableBytes(path.slice(0, MOST_PATH)));
}
