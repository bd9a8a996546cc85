/**
 * Joins concurrent callers of the same work and remembers the outcome, failure included. An abort is not an outcome:
 * it is forgotten, so that the next caller starts anew (BuildKit's rule for CacheKey).
 */
import { isAbort } from './errors.ts';

export class Once<T> {
  #promise: Promise<T> | undefined;

  /** Runs `work` unless it ran or is running; all callers get the same promise. */
  run(work: () => Promise<T>): Promise<T> {
    this.#promise ??= work().catch((error: unknown) => {
      if (isAbort(error)) this.#promise = undefined;
      throw error;
    });
    return this.#promise;
  }
}
