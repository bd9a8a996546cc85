/**
 * The syntax of Go's `regexp`, as far as translated patterns can use it: characters, classes, escapes, anchors, `.*`
 * and the group of `**`. As translation leaves `|`, `{` and `}` of a pattern as they are, also alternatives and counted
 * repetitions.
 */
import { unicodeClass } from './unicode-class.ts';

/** A set of characters. */
export type CharSet = (rune: number) => boolean;

export type Assertion = 'begin' | 'end' | 'boundary' | 'no-boundary';

/** A part of an expression. `directories` is the group `(.*` + `/)?`: any number of directories, or none. */
export type Node =
  | { readonly kind: 'char'; readonly set: CharSet }
  | { readonly kind: 'assert'; readonly assertion: Assertion }
  | { readonly kind: 'directories' }
  | Repeat;

/** A part repeated; `max` is undefined for any number of times. */
export interface Repeat {
  readonly kind: 'repeat';
  readonly node: Node;
  readonly min: number;
  readonly max: number | undefined;
  /** Depth of nested repetitions, including this one. */
  readonly depth: number;
}

/** Go's limits of a counted repetition (nested ones multiplied) and of nesting. */
const MAX_REPEAT = 1000;
const MAX_DEPTH = 1000;

/** An expression that Go does not accept. */
export class RegexpSyntaxError extends Error {}

const POSIX_CLASSES: Readonly<Record<string, RegExp>> = {
  alnum: /[0-9A-Za-z]/,
  alpha: /[A-Za-z]/,
  ascii: /[\u0000-\u007f]/,
  blank: /[\t ]/,
  cntrl: /[\u0000-\u001f\u007f]/,
  digit: /[0-9]/,
  graph: /[!-~]/,
  lower: /[a-z]/,
  print: /[ -~]/,
  punct: /[!-/:-@[-`{-~]/,
  space: /[\t-\r ]/,
  upper: /[A-Z]/,
  word: /[0-9A-Za-z_]/,
  xdigit: /[0-9A-Fa-f]/,
};

const PERL_CLASSES: Readonly<Record<string, RegExp>> = { d: /[0-9]/, s: /[\t\n\f\r ]/, w: /[0-9A-Za-z_]/ };
const LETTER_ESCAPES: Readonly<Record<string, number>> = { a: 7, f: 12, n: 10, r: 13, t: 9, v: 11 };

function negate(set: CharSet): CharSet {
  return (rune) => !set(rune);
}

export function equals(wanted: number): CharSet {
  return (rune) => rune === wanted;
}

function matching(expression: RegExp): CharSet {
  return (rune) => expression.test(String.fromCodePoint(rune));
}

export const NOT_NEWLINE: CharSet = (rune) => rune !== 10;

/** The largest number of repetitions of a part, nested ones multiplied. */
function repetitions(node: Node): number {
  if (node.kind !== 'repeat') return 1;
  return node.max === 0 ? 0 : Math.max(1, node.max ?? node.min) * repetitions(node.node);
}

/**
 * The alternatives of an expression, each a sequence of parts.
 * @throws RegexpSyntaxError
 */
export function parseExpression(expression: string): readonly (readonly Node[])[] {
  return new Parser(expression).alternatives();
}

class Parser {
  readonly #runes: readonly string[];
  /** Position of the last `:]`: no POSIX class is searched for after it, as each search would scan a long pattern. */
  readonly #lastPosixEnd: number;
  #at = 0;
  #nodes: Node[] = [];

  constructor(expression: string) {
    this.#runes = Array.from(expression);
    this.#lastPosixEnd = this.#runes.findLastIndex((rune, at) => rune === ':' && this.#runes[at + 1] === ']');
  }

  alternatives(): Node[][] {
    const alternatives = [this.#nodes];
    for (let repeated = false; this.#at < this.#runes.length; ) {
      const char = this.#peek()!;
      this.#at += 1;
      const counts = char === '{' ? this.#counts() : char === '*' ? ([0, undefined] as const) : undefined;
      if (counts !== undefined) {
        if (repeated) throw new RegexpSyntaxError('invalid nested repetition operator');
        this.#repeat(...counts);
      } else if (char === '|') {
        this.#nodes = [];
        alternatives.push(this.#nodes);
      } else {
        this.#term(char);
      }
      repeated = counts !== undefined || char === '(';
    }
    return alternatives;
  }

  #peek(offset = 0): string | undefined {
    return this.#runes[this.#at + offset];
  }

  #char(set: CharSet): void {
    this.#nodes.push({ kind: 'char', set });
  }

  #assert(assertion: Assertion): void {
    this.#nodes.push({ kind: 'assert', assertion });
  }

  #repeat(min: number, max: number | undefined): void {
    const node = this.#nodes.pop();
    if (node === undefined) throw new RegexpSyntaxError('missing argument to repetition operator');
    const repeat: Repeat = { kind: 'repeat', node, min, max, depth: node.kind === 'repeat' ? node.depth + 1 : 1 };
    if (repeat.depth > MAX_DEPTH) throw new RegexpSyntaxError('expression nests too deeply');
    if (Math.max(min, max ?? 0) > 1 && repetitions(repeat) > MAX_REPEAT) {
      throw new RegexpSyntaxError('invalid repeat count');
    }
    this.#nodes.push(repeat);
  }

  /** The numbers of `{2}`, `{2,}` or `{2,5}` after the `{`; undefined if it is none of these and the `{` is literal. */
  #counts(): readonly [min: number, max: number | undefined] | undefined {
    // The search ends where the digits end: a pattern may have thousands of `{` and one `}` at its end.
    let end = this.#at;
    while (/^[0-9,]$/.test(this.#runes[end] ?? '')) end += 1;
    if (this.#runes[end] !== '}') return undefined;
    const parts = /^(0|[1-9][0-9]*)(?:(,)(0|[1-9][0-9]*)?)?$/.exec(this.#runes.slice(this.#at, end).join(''));
    if (parts === null) return undefined;
    this.#at = end + 1;
    const min = Number(parts[1]);
    const max = parts[2] === undefined ? min : parts[3] === undefined ? undefined : Number(parts[3]);
    if (min > MAX_REPEAT || (max !== undefined && (max > MAX_REPEAT || max < min))) {
      throw new RegexpSyntaxError('invalid repeat count');
    }
    return [min, max];
  }

  #term(char: string): void {
    if (char === '^') this.#assert('begin');
    else if (char === '$') this.#assert('end');
    else if (char === '.') this.#char(NOT_NEWLINE);
    else if (char === '(') this.#directories();
    else if (char === '[') this.#char(this.#class());
    else if (char === '\\') this.#escape();
    else this.#char(equals(char.codePointAt(0)!));
  }

  /** A parenthesis in the pattern itself would be escaped, so this one begins the group of `**`. */
  #directories(): void {
    this.#at += '.*/)?'.length;
    this.#nodes.push({ kind: 'directories' });
  }

  #escape(): void {
    const char = this.#peek() ?? '';
    const assertion = ({ A: 'begin', z: 'end', b: 'boundary', B: 'no-boundary' } as const)[char];
    if (char === 'Q') {
      this.#quoted();
    } else if (assertion !== undefined) {
      this.#at += 1;
      this.#assert(assertion);
    } else {
      this.#char(this.#classEscape() ?? equals(this.#escapedRune()));
    }
  }

  /** `\Q` makes everything up to `\E`, or to the end, literal, including the closing anchor. */
  #quoted(): void {
    this.#at += 1;
    while (this.#at < this.#runes.length) {
      if (this.#peek() === '\\' && this.#peek(1) === 'E') {
        this.#at += 2;
        return;
      }
      this.#char(equals(this.#runes[this.#at]!.codePointAt(0)!));
      this.#at += 1;
    }
  }

  /** The set of `\d`, `\pL`, `\p{Greek}` and the like, after the backslash; undefined if it is none of these. */
  #classEscape(): CharSet | undefined {
    const char = this.#peek() ?? '';
    const perl = PERL_CLASSES[char.toLowerCase()];
    if (perl !== undefined) {
      this.#at += 1;
      return char === char.toLowerCase() ? matching(perl) : negate(matching(perl));
    }
    if (char !== 'p' && char !== 'P') return undefined;
    this.#at += 1;
    const name = this.#bracedOr(1);
    const found = unicodeClass(name.replace(/^\^/, ''));
    if (found === undefined) throw new RegexpSyntaxError('invalid character class range');
    return (char === 'P') === name.startsWith('^') ? matching(found) : negate(matching(found));
  }

  /** The character that an escape stands for, after the backslash. */
  #escapedRune(): number {
    const char = this.#peek();
    if (char === undefined) throw new RegexpSyntaxError('trailing backslash at end of expression');
    this.#at += 1;
    if (/[\u0000-\u007f]/.test(char) && !/[0-9A-Za-z]/.test(char)) return char.charCodeAt(0);
    const letter = LETTER_ESCAPES[char];
    if (letter !== undefined) return letter;
    if (char === 'x') return this.#hexRune();
    // A single digit other than 0 would be a reference to a group, which this syntax does not have.
    const octal = /^[0-7]{0,2}/.exec(this.#runes.slice(this.#at, this.#at + 2).join(''))![0];
    if (char === '0' || (/[1-7]/.test(char) && octal !== '')) {
      this.#at += octal.length;
      return Number.parseInt(char + octal, 8);
    }
    throw new RegexpSyntaxError(`invalid escape sequence \\${char}`);
  }

  /** The character of `\x41` or `\x{1F600}`, after the `x`. */
  #hexRune(): number {
    const valid = this.#peek() === '{' ? /^[0-9A-Fa-f]+$/ : /^[0-9A-Fa-f]{2}$/;
    const digits = this.#bracedOr(2);
    const rune = Number.parseInt(digits, 16);
    if (!valid.test(digits) || rune > 0x10ffff) throw new RegexpSyntaxError('invalid escape sequence \\x');
    return rune;
  }

  /** Takes the text within the braces that begin here, or without braces so many characters. */
  #bracedOr(count: number): string {
    const end = this.#peek() === '{' ? this.#runes.indexOf('}', this.#at) : -1;
    const text = end < 0 ? this.#runes.slice(this.#at, this.#at + count) : this.#runes.slice(this.#at + 1, end);
    this.#at = end < 0 ? this.#at + count : end + 1;
    return text.join('');
  }

  /** A bracket expression, after its `[`. */
  #class(): CharSet {
    const negated = this.#peek() === '^';
    if (negated) this.#at += 1;
    const sets: CharSet[] = [];
    for (let first = true; first || this.#peek() !== ']'; first = false) sets.push(this.#classItem());
    this.#at += 1;
    const union: CharSet = (rune) => sets.some((set) => set(rune));
    return negated ? negate(union) : union;
  }

  #classItem(): CharSet {
    const posix = this.#posixClass();
    if (posix !== undefined) return posix;
    if (this.#peek() === '\\') {
      this.#at += 1;
      const set = this.#classEscape();
      if (set !== undefined) return set;
      this.#at -= 1;
    }
    const low = this.#classRune();
    let high = low;
    if (this.#peek() === '-' && this.#peek(1) !== undefined && this.#peek(1) !== ']') {
      this.#at += 1;
      high = this.#classRune();
      if (high < low) throw new RegexpSyntaxError('invalid character class range');
    }
    return (rune) => low <= rune && rune <= high;
  }

  #posixClass(): CharSet | undefined {
    if (this.#peek() !== '[' || this.#peek(1) !== ':' || this.#at + 2 > this.#lastPosixEnd) return undefined;
    const rest = this.#runes.slice(this.#at + 2).join('');
    const end = rest.indexOf(':]');
    const name = rest.slice(0, end);
    const set = POSIX_CLASSES[name.replace('^', '')];
    if (set === undefined || name.indexOf('^') > 0) throw new RegexpSyntaxError(`invalid character class [:${name}:]`);
    this.#at += 2 + Array.from(name).length + 2;
    return name.startsWith('^') ? negate(matching(set)) : matching(set);
  }

  #classRune(): number {
    const char = this.#peek();
    if (char === undefined) throw new RegexpSyntaxError('missing closing ]');
    this.#at += 1;
    return char === '\\' ? this.#escapedRune() : char.codePointAt(0)!;
  }
}
