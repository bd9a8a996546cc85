/**
 * Joins concurrent callers of the same work and remembers the outcome, failure included. An abort is not an outcome:
 * it is forgotten, so that the next caller starts anew (BuildKit's rule for CacheKey).
 */
import { isAbort } from './errors.ts';

/** Work that is done once and joined by all who ask. */
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

  /**
   * As `run`, for callers that can be aborted one by one. A caller whose signal fires leaves at once; a caller that
   * waited for work which another caller's abort ended starts the work again.
   */
  async runFor(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    for (;;) {
      signal.throwIfAborted();
      try {
        return await orAbort(this.run(work), signal);
      } catch (error) {
        if (!isAbort(error) || signal.aborted) throw error;
      }
    }
  }
}

/** The promise's result, or the reason of an abort if that comes first. */
export async function orAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let leave: (() => void) | undefined;
  const left = new Promise<never>((_, reject) => {
    leave = () => reject(signal.reason);
    if (signal.aborted) leave();
    signal.addEventListener('abort', leave, { once: true });
  });
  try {
    return await Promise.race([promise, left]);
  } finally {
    signal.removeEventListener('abort', leave!);
  }
}
