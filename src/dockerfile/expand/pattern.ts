/**
 * The patterns of `${name#pattern}` and its relatives: `*`, `?` and `\`, no brackets. The pattern is run over the value
 * with all its states side by side, so that no pattern takes exponential time.
 */
import { DockerfileProblem } from '../problem.ts';

/** One character, any character, or any number of characters; the last two never match a newline. */
type Token = { readonly literal: string } | 'one' | 'many';

export interface Match {
  readonly start: number;
  readonly end: number;
}

/** Steps that one `${…}` may take: half a second. */
const MAX_STEPS = 20_000_000;

/** Counts the steps of all searches for one `${…}`. */
export interface Effort {
  steps: number;
}

/** @throws DockerfileProblem for a `\` before anything but `*`, `?`, `\`, `}` and `/` */
export function parsePattern(pattern: string): readonly Token[] {
  const tokens: Token[] = [];
  // Go's scanner drops a byte order mark at the beginning.
  const characters = Array.from(pattern.replace(/^\ufeff/, ''));
  for (let at = 0; at < characters.length; at += 1) {
    const character = characters[at]!;
    if (character === '*') {
      // Two in a row match what one does.
      if (tokens.at(-1) !== 'many') tokens.push('many');
    } else if (character === '?') tokens.push('one');
    else if (character !== '\\') tokens.push({ literal: character });
    else {
      at += 1;
      const next = characters[at];
      if (next === undefined || !'*?\\}/'.includes(next)) {
        throw new DockerfileProblem(
          `invalid pattern: \\ stands before ${next ?? 'nothing'}`,
          'a \\ in a pattern stands before *, ?, \\, } or /',
        );
      }
      tokens.push({ literal: next });
    }
  }
  return tokens;
}

/**
 * The leftmost match of the pattern in the value, at or behind `from`; of those that begin there the longest, or the
 * shortest. With `anchored` it begins at `from`.
 */
export function findPattern(
  tokens: readonly Token[],
  value: readonly string[],
  from: number,
  choice: { readonly longest: boolean; readonly anchored: boolean },
  effort: Effort,
): Match | undefined {
  const last = tokens.length;
  // Of each state the smallest start that leads to it; -1: none.
  let states = new Int32Array(last + 1).fill(-1);
  let next = new Int32Array(last + 1);
  let found: Match | undefined;
  for (let at = from; at <= value.length; at += 1) {
    if (found === undefined && states[0] === -1 && (at === from || !choice.anchored)) states[0] = at;
    for (let state = 0; state < last; state += 1) {
      if (tokens[state] === 'many') earlier(states, state + 1, states[state]!);
    }
    const start = states[last]!;
    if (start !== -1 && (found === undefined || start <= found.start)) {
      found = { start, end: at };
      if (!choice.longest) return found;
    }
    const character = value[at];
    if (character === undefined) break;
    effort.steps += last + 1;
    if (effort.steps > MAX_STEPS) throw tooLong();
    let alive = false;
    next.fill(-1);
    for (let state = 0; state < last; state += 1) {
      const begun = states[state]!;
      if (begun === -1 || (found !== undefined && begun > found.start)) continue;
      const token = tokens[state]!;
      if (typeof token === 'object' ? token.literal !== character : character === '\n') continue;
      earlier(next, token === 'many' ? state : state + 1, begun);
      alive = true;
    }
    [states, next] = [next, states];
    if (!alive && (found !== undefined || choice.anchored)) break;
  }
  return found;
}

function earlier(starts: Int32Array, state: number, start: number): void {
  if (start !== -1 && (starts[state] === -1 || start < starts[state]!)) starts[state] = start;
}

function tooLong(): DockerfileProblem {
  return new DockerfileProblem('a pattern takes too long for so long a value', 'shorten the pattern or the value');
}
