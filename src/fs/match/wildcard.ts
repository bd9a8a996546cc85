/**
 * Wildcards as Go's `path.Match` reads them: BuildKit's keys depend on its exact rules. Patterns and names are bytes.
 * There are two engines for wildcards because BuildKit has two: this one finds the files that a copied path names (and
 * checks patterns), the one in `go-regexp.ts` decides which paths are included and excluded.
 */
import { CtxsrcError } from '../../core/errors.ts';
import { goText } from '../../core/go/text.ts';
import type { ByteString } from '../byte-string.ts';

/** True if a path element holds `*`, `?` or `[` that is not escaped by a backslash. */
export function hasWildcard(name: ByteString): boolean {
  for (let i = 0; i < name.length; i += 1) {
    if (name[i] === '\\') i += 1;
    else if (name[i] === '*' || name[i] === '?' || name[i] === '[') return true;
  }
  return false;
}

type Range = readonly [low: number, high: number];

/** One element of a wildcard: a byte, any character but `/`, a class of characters. */
type Element =
  | { readonly kind: 'byte'; readonly byte: string }
  | { readonly kind: 'any' }
  | { readonly kind: 'class'; readonly negated: boolean; readonly ranges: readonly Range[] };

/** Elements up to the next star, and their surroundings. */
interface Chunk {
  /** Preceded by stars, which match any text without `/`. */
  readonly star: boolean;
  readonly elements: readonly Element[];
  readonly last: boolean;
}

/**
 * The error for a malformed wildcard, in Go's words.
 * @param place the position of the pattern, if known
 */
export function badPattern(pattern: string, place?: string): CtxsrcError {
  const what = place ?? JSON.stringify(goText(Buffer.from(pattern, 'latin1')));
  return new CtxsrcError('E_PATTERN', `syntax error in pattern ${what}`, {
    hint: 'a backslash makes the next character literal and is no separator: write a/b; [abc] or [a-c] is one of several characters',
  });
}

/** A wildcard in the syntax of `path.Match`, checked as a whole in the constructor. */
export class Wildcard {
  readonly #chunks: readonly Chunk[];

  /** @throws CtxsrcError `E_PATTERN` */
  constructor(pattern: ByteString) {
    this.#chunks = [...chunksOf(pattern)];
  }

  /** True if the wildcard matches the whole name; `*` and `?` never match `/`. */
  matches(name: ByteString): boolean {
    return matchChunks(this.#chunks, name);
  }
}

/**
 * The check that patterns have to pass: BuildKit matches them with `.` by Go's `filepath.Match`, which stops at the
 * first chunk that does not match and does not see errors in later chunks.
 * @throws CtxsrcError `E_PATTERN`
 */
export function checkFirstChunks(pattern: ByteString): void {
  matchChunks(chunksOf(pattern), '.');
}

/** Each chunk takes its first match, as in Go: no chunk is tried again further on. */
function matchChunks(chunks: Iterable<Chunk>, name: ByteString): boolean {
  let rest = name;
  for (const { star, elements, last } of chunks) {
    if (star && elements.length === 0) return !rest.includes('/');
    let left: ByteString | undefined;
    for (let at = 0; left === undefined; at += 1) {
      left = leftBy(elements, rest, at);
      if (last && left !== '') left = undefined;
      if (left === undefined && (!star || at >= rest.length || rest[at] === '/')) return false;
    }
    rest = left;
  }
  return rest === '';
}

/** The rest of a name after elements that match at a position; undefined if they do not match there. */
function leftBy(elements: readonly Element[], name: ByteString, start: number): ByteString | undefined {
  let at = start;
  for (const element of elements) {
    const length = matchOne(element, name, at);
    if (length === 0) return undefined;
    at += length;
  }
  return name.slice(at);
}

function* chunksOf(pattern: ByteString): Generator<Chunk, void> {
  for (let at = 0; at < pattern.length; ) {
    const star = pattern[at] === '*';
    while (pattern[at] === '*') at += 1;
    const elements: Element[] = [];
    while (at < pattern.length && pattern[at] !== '*') {
      const { element, end } = parseElement(pattern, at);
      elements.push(element);
      at = end;
    }
    yield { star, elements, last: at >= pattern.length };
  }
}

/** Number of bytes that one element matches at a position; 0 if it does not match there. */
function matchOne(element: Element, name: ByteString, at: number): number {
  if (at >= name.length) return 0;
  if (element.kind === 'byte') return name[at] === element.byte ? 1 : 0;
  const { rune, length } = runeAt(name, at);
  if (element.kind === 'any') return name[at] === '/' ? 0 : length;
  const inside = element.ranges.some(([low, high]) => low <= rune && rune <= high);
  return inside === element.negated ? 0 : length;
}

function parseElement(pattern: ByteString, at: number): { element: Element; end: number } {
  const char = pattern[at]!;
  if (char === '[') return parseClass(pattern, at + 1);
  if (char === '?') return { element: { kind: 'any' }, end: at + 1 };
  if (char !== '\\') return { element: { kind: 'byte', byte: char }, end: at + 1 };
  if (at + 1 >= pattern.length) throw badPattern(pattern);
  return { element: { kind: 'byte', byte: pattern[at + 1]! }, end: at + 2 };
}

function parseClass(pattern: ByteString, start: number): { element: Element; end: number } {
  const negated = pattern[start] === '^';
  let at = negated ? start + 1 : start;
  const ranges: Range[] = [];
  while (ranges.length === 0 || pattern[at] !== ']') {
    const low = classChar(pattern, at);
    let high = low;
    if (pattern[low.end] === '-') high = classChar(pattern, low.end + 1);
    ranges.push([low.rune, high.rune]);
    at = high.end;
  }
  return { element: { kind: 'class', negated, ranges }, end: at + 1 };
}

/** One end of a range: never a bare `-` or `]`, and always followed by something. */
function classChar(pattern: ByteString, start: number): { rune: number; end: number } {
  if (start >= pattern.length || pattern[start] === '-' || pattern[start] === ']') throw badPattern(pattern);
  const at = pattern[start] === '\\' ? start + 1 : start;
  if (at >= pattern.length) throw badPattern(pattern);
  const { rune, length, valid } = runeAt(pattern, at);
  if (!valid || at + length >= pattern.length) throw badPattern(pattern);
  return { rune, end: at + length };
}

/** The character at a byte position; a byte that begins no valid sequence is U+FFFD of length 1. */
function runeAt(bytes: ByteString, at: number): { rune: number; length: number; valid: boolean } {
  const first = bytes.charCodeAt(at);
  if (first < 0x80) return { rune: first, length: 1, valid: true };
  const text = goText(Buffer.from(bytes.slice(at, at + 4), 'latin1'));
  const rune = text.codePointAt(0)!;
  const length = rune < 0x800 ? 2 : rune < 0x10000 ? 3 : 4;
  // U+FFFD itself is a valid sequence of three bytes; any other sequence that decodes to it is invalid.
  if (rune === 0xfffd && bytes.slice(at, at + 3) !== '\u00ef\u00bf\u00bd') return { rune, length: 1, valid: false };
  return { rune, length, valid: true };
}
