/**
 * The cost of one list of patterns: time, and memory of the automata. A pattern of a few characters can need hundreds
 * of states (`[a]{900}`), and a list may have thousands of patterns, so the length of the list bounds neither.
 */
import { CtxsrcError } from '../../core/errors.ts';

/** States of all automata; ten thousand patterns of a hundred characters need as many. */
const MAX_STATES = 1_000_000;
/** Work for the decision on one path, which is not interrupted: a second or two. */
const MAX_PATH_WORK = 20_000_000;
/** Bytes of the remembered sets of states. */
const MAX_REMEMBERED = 256 << 20;

export class PatternEffort {
  #work = 0;
  #mostWork = MAX_PATH_WORK;
  #states = 0;
  #remembered = 0;
  #generation = 0;

  /** The work so far, in units of some tens of nanoseconds. */
  get work(): number {
    return this.#work;
  }

  /** Incremented when all remembered sets together are too large: sets of an earlier generation are to be forgotten. */
  get generation(): number {
    return this.#generation;
  }

  /** Called before the decision on a path. */
  nextPath(): void {
    this.#mostWork = this.#work + MAX_PATH_WORK;
  }

  /** @throws CtxsrcError `E_LIMIT` when one path takes seconds */
  spend(units: number): void {
    this.#work += units;
    if (this.#work > this.#mostWork) throw tooMuchWork();
  }

  /** @throws CtxsrcError `E_LIMIT` */
  addStates(count: number): void {
    this.#states += count;
    if (this.#states > MAX_STATES) throw tooMuchWork();
  }

  remember(bytes: number): void {
    this.#remembered += bytes;
    if (this.#remembered <= MAX_REMEMBERED) return;
    this.#remembered = 0;
    this.#generation += 1;
  }
}

/** The error for patterns that would take minutes or all the memory. */
export function tooMuchWork(): CtxsrcError {
  return new CtxsrcError('E_LIMIT', 'there are too many patterns for so many paths', {
    hint: 'write fewer patterns with wildcards in the ignore file, or take a smaller directory',
  });
}
