/**
 * The regular expressions that patterns with wildcards stand for. BuildKit translates such a pattern into the syntax of
 * Go's `regexp` and lets that decide, so its rules decide here: `\d` is a digit, `[[:alpha:]]` a POSIX class, `[z-a]` an
 * error, and a `*` inside brackets is still translated. Matching never backtracks: all alternatives advance together,
 * one character at a time, and the sets of states met are remembered (a lazily built automaton), so that a hostile
 * pattern costs no more than a harmless one.
 */

/** A set of characters. */
type CharSet = (rune: number) => boolean;

type Assertion = 'begin' | 'end' | 'boundary' | 'no-boundary';

/** A state of the automaton. Numbers are positions in the list of states; the last state accepts. */
type State =
  | { readonly kind: 'char'; readonly set: CharSet; readonly next: number }
  | { readonly kind: 'split'; readonly a: number; readonly b: number }
  | { readonly kind: 'assert'; readonly assertion: Assertion; readonly next: number }
  | { readonly kind: 'accept' };

/** Before this many remembered sets the memory is dropped and built anew. */
const MAX_SETS = 2000;
const ASCII = 128;
const UNKNOWN = -1;
const DEAD = 0;

const isWord: CharSet = (rune) => rune < ASCII && /\w/.test(String.fromCharCode(rune));

/** A set of states between two characters, with what the character before it was. */
interface StateSet {
  readonly states: readonly number[];
  readonly begin: boolean;
  readonly afterWord: boolean;
  /** Already matched, whatever follows. */
  readonly accepted: boolean;
  /** Matches when the text ends here; undefined until asked. */
  atEnd: boolean | undefined;
  /** Number of the following set for each ASCII character. */
  readonly ascii: Int32Array;
}

/** A compiled expression of Go's syntax, as far as patterns can produce it. */
export class PatternRegexp {
  readonly #states: readonly State[];
  #sets: StateSet[] = [];
  #numbers = new Map<string, number>();

  /** @throws RegexpSyntaxError */
  constructor(expression: string) {
    this.#states = new Compiler(expression).compile();
    this.#reset();
  }

  /** True when the expression matches the text (somewhere: patterns are anchored by themselves). */
  test(text: string): boolean {
    let number = 1;
    for (let i = 0; i < text.length; i += 1) {
      const code = text.charCodeAt(i);
      const set = this.#sets[number]!;
      if (set.accepted) return true;
      let next = code < ASCII ? set.ascii[code]! : UNKNOWN;
      if (next === UNKNOWN) {
        const rune = text.codePointAt(i)!;
        if (rune > 0xffff) i += 1;
        next = this.#step(set, rune);
      }
      if (next === DEAD) return false;
      number = next;
    }
    const set = this.#sets[number]!;
    set.atEnd ??= set.accepted || this.#reach(set, undefined).includes(this.#states.length - 1);
    return set.atEnd;
  }

  /** Sets 0 and 1 are the dead one and the first. */
  #reset(): void {
    this.#sets = [];
    this.#numbers = new Map();
    this.#remember([], false, false);
    this.#remember([0], true, false);
  }

  #remember(states: readonly number[], begin: boolean, afterWord: boolean): number {
    const key = `${states.join()}${begin ? '^' : ''}${afterWord ? 'w' : ''}`;
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const accepted = states.includes(this.#states.length - 1);
    this.#sets.push({
      states,
      begin,
      afterWord,
      accepted,
      atEnd: undefined,
      ascii: new Int32Array(ASCII).fill(UNKNOWN),
    });
    this.#numbers.set(key, this.#sets.length - 1);
    return this.#sets.length - 1;
  }

  /** The set after one more character. */
  #step(set: StateSet, rune: number): number {
    const next = new Set<number>();
    const reached = this.#reach(set, rune);
    const accept = this.#states.length - 1;
    if (reached.includes(accept)) next.add(accept);
    for (const number of reached) {
      const state = this.#states[number]!;
      if (state.kind === 'char' && state.set(rune)) next.add(state.next);
    }
    if (next.size === 0) {
      if (rune < ASCII) set.ascii[rune] = DEAD;
      return DEAD;
    }
    if (this.#sets.length >= MAX_SETS) this.#reset();
    const number = this.#remember(
      [...next].sort((a, b) => a - b),
      false,
      isWord(rune),
    );
    if (rune < ASCII) set.ascii[rune] = number;
    return number;
  }

  /** All states reached without consuming a character, when `rune` (undefined: the end) comes next. */
  #reach(set: StateSet, rune: number | undefined): number[] {
    const seen = new Set<number>();
    const open = [...set.states];
    const boundary = set.afterWord !== (rune !== undefined && isWord(rune));
    for (let number = open.pop(); number !== undefined; number = open.pop()) {
      if (seen.has(number)) continue;
      seen.add(number);
      const state = this.#states[number]!;
      if (state.kind === 'split') open.push(state.a, state.b);
      if (state.kind === 'assert') {
        const holds = {
          begin: set.begin,
          end: rune === undefined,
          boundary,
          'no-boundary': !boundary,
        }[state.assertion];
        if (holds) open.push(state.next);
      }
    }
    return [...seen];
  }
}

/** The expression is none that Go accepts. */
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

/** The categories of one letter, in either case; longer names cannot occur, for a brace in a pattern is always escaped. */
const CATEGORIES = 'CLMNPSZ';

const negate =
  (set: CharSet): CharSet =>
  (rune) =>
    !set(rune);

const equals =
  (wanted: number): CharSet =>
  (rune) =>
    rune === wanted;

const matching =
  (expression: RegExp): CharSet =>
  (rune) =>
    expression.test(String.fromCodePoint(rune));

const NOT_NEWLINE: CharSet = (rune) => rune !== 10;

/** Reads the subset of Go's syntax that translated patterns consist of, and builds the automaton as it goes. */
class Compiler {
  readonly #runes: readonly string[];
  #at = 0;
  readonly #states: State[] = [];

  constructor(expression: string) {
    this.#runes = Array.from(expression);
  }

  compile(): State[] {
    while (this.#at < this.#runes.length) this.#term();
    this.#states.push({ kind: 'accept' });
    return this.#states;
  }

  #peek(offset = 0): string | undefined {
    return this.#runes[this.#at + offset];
  }

  /** Adds a character state; `*` after it makes it a loop. */
  #char(set: CharSet): void {
    const here = this.#states.length;
    if (this.#peek() !== '*') {
      this.#states.push({ kind: 'char', set, next: here + 1 });
      return;
    }
    this.#at += 1;
    this.#states.push({ kind: 'split', a: here + 1, b: here + 2 }, { kind: 'char', set, next: here });
  }

  #literal(char: string): void {
    this.#char(equals(char.codePointAt(0)!));
  }

  #assert(assertion: Assertion): void {
    this.#states.push({ kind: 'assert', assertion, next: this.#states.length + 1 });
  }

  #term(): void {
    const char = this.#peek()!;
    this.#at += 1;
    if (char === '^') this.#assert('begin');
    else if (char === '$') this.#assert('end');
    else if (char === '.') this.#char(NOT_NEWLINE);
    else if (char === '(') this.#directories();
    else if (char === '[') this.#char(this.#class());
    else if (char === '\\') this.#escape();
    else this.#literal(char);
  }

  /** `(.*` + `/)?`, the only group there is: any directories, or nothing. */
  #directories(): void {
    this.#at += '.*/)?'.length;
    const here = this.#states.length;
    this.#states.push(
      { kind: 'split', a: here + 1, b: here + 4 },
      { kind: 'split', a: here + 2, b: here + 3 },
      { kind: 'char', set: NOT_NEWLINE, next: here + 1 },
      { kind: 'char', set: equals(47), next: here + 4 },
    );
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

  /** `\Q` makes everything up to `\E`, or to the end, literal: the closing anchor too. */
  #quoted(): void {
    this.#at += 1;
    while (this.#at < this.#runes.length) {
      if (this.#peek() === '\\' && this.#peek(1) === 'E') {
        this.#at += 2;
        return;
      }
      const set = equals(this.#runes[this.#at]!.codePointAt(0)!);
      this.#at += 1;
      this.#states.push({ kind: 'char', set, next: this.#states.length + 1 });
    }
  }

  /** The set of `\d`, `\pL` and their kin, after the backslash; undefined when it is none of them. */
  #classEscape(): CharSet | undefined {
    const char = this.#peek() ?? '';
    const perl = PERL_CLASSES[char.toLowerCase()];
    if (perl !== undefined) {
      this.#at += 1;
      return char === char.toLowerCase() ? matching(perl) : negate(matching(perl));
    }
    if (char !== 'p' && char !== 'P') return undefined;
    const name = (this.#peek(1) ?? '').toUpperCase();
    if (name === '' || !CATEGORIES.includes(name)) throw new RegexpSyntaxError('invalid character class range');
    this.#at += 2;
    const category = matching(new RegExp(`\\p{${name}}`, 'u'));
    return char === 'p' ? category : negate(category);
  }

  /** The character that an escape stands for, after the backslash. */
  #escapedRune(): number {
    const char = this.#peek();
    if (char === undefined) throw new RegexpSyntaxError('trailing backslash at end of expression');
    this.#at += 1;
    if (/[\u0000-\u007f]/.test(char) && !/[0-9A-Za-z]/.test(char)) return char.charCodeAt(0);
    const letter = LETTER_ESCAPES[char];
    if (letter !== undefined) return letter;
    const digits = this.#runes.slice(this.#at, this.#at + 2).join('');
    if (char === 'x' && /^[0-9A-Fa-f]{2}$/.test(digits)) {
      this.#at += 2;
      return Number.parseInt(digits, 16);
    }
    // A single digit other than 0 would be a reference to a group; there are none in this syntax.
    const octal = /^[0-7]{0,2}/.exec(digits)![0];
    if (char === '0' || (/[1-7]/.test(char) && octal !== '')) {
      this.#at += octal.length;
      return Number.parseInt(char + octal, 8);
    }
    throw new RegexpSyntaxError(`invalid escape sequence \\${char}`);
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
    if (this.#peek() !== '[' || this.#peek(1) !== ':') return undefined;
    const rest = this.#runes.slice(this.#at + 2).join('');
    const end = rest.indexOf(':]');
    if (end < 0) return undefined;
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
