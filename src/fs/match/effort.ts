/**
 * What the patterns of one list cost together: time, and memory of their automata. A pattern of a few characters can ask
 * for hundreds of states (`[a]{900}`), and a list has thousands of patterns, so neither is bounded by the list's length.
 */
import { CtxsrcError } from '../../core/errors.ts';

/** States of all automata; ten thousand patterns of a hundred characters have as many. */
const MAX_STATES = 1_000_000;
/** Work for one path, which is decided in one go: a second or two. */
const MAX_PATH_WORK = 20_000_000;
/** Bytes of the sets that automata remember. */
const MAX_REMEMBERED = 256 << 20;

export class PatternEffort {
  #work = 0;
  #mostWork = MAX_PATH_WORK;
  #states = 0;
  #remembered = 0;
  #generation = 0;

  /** So far, in units of some tens of nanoseconds. */
  get work(): number {
    return this.#work;
  }

  /** Sets of states that were remembered in another generation are to be forgotten: together they are too large. */
  get generation(): number {
    return this.#generation;
  }

  /** A path is about to be decided on. */
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

/** What patterns ask for would take minutes, or all the memory. */
export function tooMuchWork(): CtxsrcError {
  return new CtxsrcError('E_LIMIT', 'there are too many patterns for so many paths', {
    hint: 'write fewer patterns with wildcards in the ignore file, or take a smaller directory',
  });
}
