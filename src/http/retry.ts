/**
 * Retries of transient failures: exponential backoff with full jitter, Retry-After obeyed, all waiting limited. Which
 * statuses are worth a retry, and what a 429 says, is in `retry-after.ts`.
 */
import type { JobContext } from '../contract/session.ts';
import type { CtxsrcError } from '../core/errors.ts';
import type { Clock } from './clock.ts';

/** A failure that a retry may cure. Attempts throw it; in the end the caller gets `error`. */
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
  /** Number of retries after the first attempt. */
  readonly retries: number;
  /** Limit of all waiting, in milliseconds. */
  readonly maxWait: number;
  readonly clock: Clock;
}

/** Who waits. */
type Waiting = Pick<JobContext, 'signal' | 'progress'>;

const FIRST_DELAY = 500;
const LONGEST_DELAY = 30_000;

/** The wait before the nth retry (from 0), in milliseconds: random within a range that doubles (full jitter). */
export function backoff(repeat: number, random: number): number {
  return Math.floor(random * Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** repeat));
}

/** Counts the retries of one piece of work and their waiting time. */
export class RetryBudget {
  readonly #policy: RetryPolicy;
  #repeats = 0;
  #waited = 0;

  constructor(policy: RetryPolicy) {
    this.#policy = policy;
  }

  /** Called after progress: the retries are counted anew, the waiting is not. */
  restore(): void {
    this.#repeats = 0;
  }

  /**
   * Waits before the next attempt, or throws the failure's error when retries or waiting time are used up.
   * @param next what comes after the wait, for people
   */
  async wait(failure: TransientError, { signal, progress }: Waiting, next = 'next try'): Promise<void> {
    const { retries, maxWait, clock } = this.#policy;
    if (this.#repeats >= retries) throw failure.error;
    const jitter = backoff(this.#repeats, clock.random());
    // The server's value is a minimum; the jitter on top keeps many clients from returning at once.
    const ms = failure.retryAfter === undefined ? jitter : failure.retryAfter + Math.min(jitter, 1000);
    if (this.#waited + (failure.retryAfter ?? ms) > maxWait) throw failure.error;
    this.#repeats += 1;
    this.#waited += ms;
    progress.emit({ type: 'message', level: 'verbose', text: `${failure.message}; ${next} in ${ms} ms` });
    await clock.sleep(ms, signal);
  }
}

/** Runs `attempt` until it succeeds, fails permanently, or the retry budget is used up. */
export async function retry<T>(policy: RetryPolicy, job: Waiting, attempt: () => Promise<T>): Promise<T> {
  const budget = new RetryBudget(policy);
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof TransientError)) throw error;
      await budget.wait(error, job);
    }
  }
}
