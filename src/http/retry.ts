/** Repeats what may pass: exponential backoff with full jitter, Retry-After obeyed, everything within a limit of waiting. */
import type { CtxsrcError } from '../core/errors.ts';
import type { Clock } from './clock.ts';

/** A failure that may be gone at the next try. Thrown by an attempt; what the caller sees in the end is `error`. */
export class TransientError extends Error {
  readonly error: CtxsrcError;
  /** Milliseconds the server asked to wait. */
  readonly retryAfter: number | undefined;

  constructor(error: CtxsrcError, retryAfter?: number) {
    super(error.message, { cause: error });
    this.error = error;
    this.retryAfter = retryAfter;
  }
}

export interface RetryPolicy {
  /** Repeats after the first try. */
  readonly retries: number;
  /** Milliseconds that may be spent waiting in all. */
  readonly maxWait: number;
  readonly clock: Clock;
}

const FIRST_DELAY = 500;
const LONGEST_DELAY = 30_000;

/** The wait before the nth repeat (from 0), in milliseconds: any moment of a span that doubles (full jitter). */
export function backoff(repeat: number, random: number): number {
  return Math.floor(random * Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** repeat));
}

/** Counts the repeats of one piece of work and the time they wait. */
export class RetryBudget {
  readonly #policy: RetryPolicy;
  #repeats = 0;
  #waited = 0;

  constructor(policy: RetryPolicy) {
    this.#policy = policy;
  }

  /** There was progress: the repeats count anew, the waiting does not. */
  restore(): void {
    this.#repeats = 0;
  }

  /** Waits for the next try, or throws the failure's error when repeats or waiting are used up. */
  async wait(failure: TransientError, signal: AbortSignal, note: (ms: number) => void): Promise<void> {
    const { retries, maxWait, clock } = this.#policy;
    if (this.#repeats >= retries) throw failure.error;
    const jitter = backoff(this.#repeats, clock.random());
    // What the server asks for is a minimum; the jitter on top keeps a crowd from coming back at once.
    const ms = failure.retryAfter === undefined ? jitter : failure.retryAfter + Math.min(jitter, 1000);
    if (this.#waited + (failure.retryAfter ?? ms) > maxWait) throw failure.error;
    this.#repeats += 1;
    this.#waited += ms;
    note(ms);
    await clock.sleep(ms, signal);
  }
}

/** Runs `attempt` until it succeeds, fails for good, or patience is used up. */
export async function retry<T>(
  policy: RetryPolicy,
  signal: AbortSignal,
  attempt: () => Promise<T>,
  note: (error: CtxsrcError, ms: number) => void,
): Promise<T> {
  const patience = new RetryBudget(policy);
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof TransientError)) throw error;
      await patience.wait(error, signal, (ms) => note(error.error, ms));
    }
  }
}
