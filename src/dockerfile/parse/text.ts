/** The characters of a Dockerfile: its bytes as text and back, and the blanks that split most words. */
import { goText } from '../../core/go/text.ts';

/** A byte that belongs to no valid UTF-8 becomes the lone surrogate U+DC00 + byte, which valid UTF-8 never gives. */
const INVALID = 0xdc00;

/** The text of the bytes; `bytesOf` gives the bytes back, whether they are UTF-8 or not. */
export function textOf(bytes: Uint8Array): string {
  return goText(bytes, undefined, (byte) => String.fromCharCode(INVALID + byte));
}

export function bytesOf(text: string): Uint8Array {
  if (text.isWellFormed()) return Buffer.from(text, 'utf8');
  const parts = text.split(/(\p{Surrogate})/u);
  return Buffer.concat(
    parts.map((part, index) =>
      index % 2 === 0 ? Buffer.from(part, 'utf8') : Buffer.from([part.charCodeAt(0) - INVALID]),
    ),
  );
}

/** What splits words and instructions: no newline, no no-break space. */
const BLANKS = /[\t\v\f\r ]+/;

/** The text in front of the first blanks, and behind them; undefined if there are none. */
export function cutAtBlanks(text: string): readonly [before: string, after: string | undefined] {
  const found = BLANKS.exec(text);
  if (found === null) return [text, undefined];
  return [text.slice(0, found.index), text.slice(found.index + found[0].length)];
}

export function splitAtBlanks(text: string): readonly string[] {
  return text === '' ? [] : text.split(BLANKS);
}
