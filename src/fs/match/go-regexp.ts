/**
 * The regular expressions for patterns with wildcards. BuildKit translates such a pattern into the syntax of Go's
 * `regexp`, so its rules apply: `\d` is a digit, `[[:alpha:]]` a POSIX class, `[z-a]` an error, a `*` inside brackets
 * is still translated, and `|` and `{2}` are not literal. Matching never backtracks: all alternatives advance together,
 * one character at a time, and the sets of states are remembered (a lazily built automaton), so that a hostile pattern
 * costs no more than a harmless one with as many states. Why there is another engine is said in `wildcard.ts`.
 */
import type { PatternEffort } from './effort.ts';
import {
  type Assertion,
  type CharSet,
  equals,
  NOT_NEWLINE,
  type Node,
  parseExpression,
  RegexpSyntaxError,
  type Repeat,
} from './go-regexp-syntax.ts';

/** A state of the automaton. Numbers are positions in the list of states; the last state accepts. */
type State =
  | { readonly kind: 'char'; readonly set: CharSet; readonly next: number }
  | Split
  | { readonly kind: 'assert'; readonly assertion: Assertion; readonly next: number }
  | { readonly kind: 'accept' };

/** Continues at both states. They are known only when the part between has been added. */
interface Split {
  readonly kind: 'split';
  a: number;
  b: number;
}

/** With this many remembered sets, or states in them, all are forgotten. */
const MAX_SETS = 2000;
const MAX_REMEMBERED = 1_000_000;
/** Counted repetitions can need any number of states; no real pattern comes near this limit. */
const MAX_STATES = 500_000;
const ASCII = 128;
/** Bytes that a state takes in a remembered set, with its part of the set's key, and the work of finding it there. */
const STATE_BYTES = 16;
const STATE_WORK = 5;
const UNKNOWN = -1;
const DEAD = 0;

const isWord: CharSet = (rune) => rune < ASCII && /\w/.test(String.fromCharCode(rune));

/** A set of states between two characters, and the kind of the character before. */
interface StateSet {
  readonly states: readonly number[];
  readonly begin: boolean;
  readonly afterWord: boolean;
  /** The text matches, whatever follows. */
  readonly accepted: boolean;
  /** True if the text matches when it ends here; undefined until asked. */
  atEnd: boolean | undefined;
  /** Number of the next set for each ASCII character. */
  readonly ascii: Int32Array;
}

/** A compiled expression of Go's syntax, as far as patterns can produce it. */
export class PatternRegexp {
  readonly #states: readonly State[];
  readonly #effort: PatternEffort;
  #sets: StateSet[] = [];
  #numbers = new Map<string, number>();
  #remembered = 0;
  #generation = 0;

  /**
   * @param effort the effort of the list to which the expression belongs
   * @throws RegexpSyntaxError, and CtxsrcError `E_LIMIT` when the list has too many states
   */
  constructor(expression: string, effort: PatternEffort) {
    this.#effort = effort;
    this.#states = new Compiler().compile(parseExpression(expression));
    effort.addStates(this.#states.length);
    this.#reset();
  }

  /**
   * True if the expression matches anywhere in the text: it has its own anchors.
   * @throws CtxsrcError `E_LIMIT`
   */
  test(text: string): boolean {
    if (this.#generation !== this.#effort.generation) this.#reset();
    this.#effort.spend(text.length);
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

  /** Set 0 is the dead set, set 1 the first. */
  #reset(): void {
    this.#sets = [];
    this.#numbers = new Map();
    this.#remembered = 0;
    this.#generation = this.#effort.generation;
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
    this.#remembered += states.length;
    this.#effort.remember(ASCII * Int32Array.BYTES_PER_ELEMENT + states.length * STATE_BYTES);
    return this.#sets.length - 1;
  }

  /** The set after one more character. */
  #step(set: StateSet, rune: number): number {
    const next = new Set<number>();
    const reached = this.#reach(set, rune);
    this.#effort.spend(reached.length * STATE_WORK);
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
    if (this.#sets.length >= MAX_SETS || this.#remembered >= MAX_REMEMBERED) this.#reset();
    const number = this.#remember(
      [...next].sort((a, b) => a - b),
      false,
      isWord(rune),
    );
    if (rune < ASCII) set.ascii[rune] = number;
    return number;
  }

  /** All states that are reached without consuming a character, before `rune` (undefined: the end). */
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

const SLASH = 47;
const ANY: CharSet = () => true;

/** Builds the states of an expression. */
class Compiler {
  readonly #states: State[] = [];

  compile(alternatives: readonly (readonly Node[])[]): State[] {
    // `|` and `{0}` can remove the anchor with which every expression begins: then it may match anywhere.
    if (!alternatives.every(([first]) => first?.kind === 'assert' && first.assertion === 'begin')) {
      this.#loop({ kind: 'char', set: ANY });
    }
    const ends: Split[] = [];
    for (const [index, nodes] of alternatives.entries()) {
      const choice = index < alternatives.length - 1 ? this.#split() : undefined;
      for (const node of nodes) this.#emit(node);
      if (choice === undefined) continue;
      ends.push(this.#split());
      choice.b = this.#states.length;
    }
    for (const end of ends) end.a = end.b = this.#states.length;
    this.#add({ kind: 'accept' });
    return this.#states;
  }

  #add<S extends State>(state: S): S {
    if (this.#states.length >= MAX_STATES) throw new RegexpSyntaxError('expression too large');
    this.#states.push(state);
    return state;
  }

  /** Adds a split that continues with the next state; its other target is set later. */
  #split(): Split {
    const next = this.#states.length + 1;
    return this.#add({ kind: 'split', a: next, b: next });
  }

  #emit(node: Node): void {
    const next = this.#states.length + 1;
    if (node.kind === 'char') this.#add({ kind: 'char', set: node.set, next });
    else if (node.kind === 'assert') this.#add({ kind: 'assert', assertion: node.assertion, next });
    else if (node.kind === 'directories') this.#directories();
    else this.#repeat(node);
  }

  #directories(): void {
    const skip = this.#split();
    this.#loop({ kind: 'char', set: NOT_NEWLINE });
    this.#emit({ kind: 'char', set: equals(SLASH) });
    skip.b = this.#states.length;
  }

  /** Adds the part any number of times. */
  #loop(node: Node): void {
    const start = this.#states.length;
    const leave = this.#split();
    this.#emit(node);
    this.#add({ kind: 'split', a: start, b: start });
    leave.b = this.#states.length;
  }

  #repeat({ node, min, max }: Repeat): void {
    for (let i = 0; i < min; i += 1) this.#emit(node);
    if (max === undefined) {
      this.#loop(node);
      return;
    }
    const skips: Split[] = [];
    for (let i = min; i < max; i += 1) {
      skips.push(this.#split());
      this.#emit(node);
    }
    for (const skip of skips) skip.b = this.#states.length;
  }
}
