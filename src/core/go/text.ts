/**
 * UTF-8 as Go reads it: every byte that belongs to no valid sequence is one error. The Encoding Standard (TextDecoder)
 * would replace a truncated sequence as a whole. And what Go takes for white space.
 */

const STRICT = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Length of the valid sequence that begins at `at`; 0 if none does (overlong forms and surrogates are invalid). */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!;
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  for (let i = 1; i < length; i += 1) {
    const next = bytes[at + i];
    if (next === undefined || next < (i === 1 ? low : 0x80) || next > (i === 1 ? high : 0xbf)) return 0;
  }
  return length;
}

/**
 * The text of the bytes as Go's `encoding/json` sees it, each invalid byte replaced.
 * @param replace called for the valid text between invalid bytes; default: the text itself
 * @param invalid gives what stands for one invalid byte; default U+FFFD
 */
export function goText(
  bytes: Uint8Array,
  replace: (valid: string) => string = (valid) => valid,
  invalid: (byte: number) => string = () => '\ufffd',
): string {
  try {
    return replace(STRICT.decode(bytes));
  } catch {
    const parts: string[] = [];
    let start = 0;
    let at = 0;
    while (at < bytes.length) {
      const length = sequenceLength(bytes, at);
      if (length > 0) {
        at += length;
        continue;
      }
      parts.push(replace(STRICT.decode(bytes.subarray(start, at))), invalid(bytes[at]!));
      at += 1;
      start = at;
    }
    parts.push(replace(STRICT.decode(bytes.subarray(start))));
    return parts.join('');
  }
}

/** A truth value as Go's `strconv.ParseBool` reads it; undefined for any other text. */
export function parseGoBool(text: string): boolean | undefined {
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(text)) return true;
  return ['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(text) ? false : undefined;
}

/** White space by Go's `unicode.IsSpace` (JavaScript's `trim` leaves U+0085 and takes U+FEFF). */
const SPACE = /[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;

/** True for one character that Go takes for white space. */
export function isGoSpace(character: string): boolean {
  // Most characters are letters.
  return !(character > ' ' && character < '\u007f') && SPACE.test(character);
}

/** The text without the white space at its start, by Go's definition of white space. */
export function trimGoSpaceStart(text: string): string {
  let start = 0;
  while (start < text.length && isGoSpace(text[start]!)) start += 1;
  return text.slice(start);
}

/** The text without the white space around it, by Go's definition of white space. */
export function trimGoSpace(text: string): string {
  let end = text.length;
  while (end > 0 && isGoSpace(text[end - 1]!)) end -= 1;
  return trimGoSpaceStart(text.slice(0, end));
}

/** Order of Go strings: by UTF-8 bytes, which is the order of code points. */
export function compareUtf8(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
