/**
 * Whether and when to retry a request to a busy server: 408, 429 and 5xx, Retry-After, and the several spellings of rate
 * limit headers. The waiting itself is in `retry.ts`.
 */
import { CtxsrcError } from '../core/errors.ts';
import { answerError, type BadAnswer, type RequestSubject, saying } from './errors.ts';
import { header, type ResponseHeaders } from './headers.ts';
import { TransientError } from './retry.ts';

/** True for a status that may change later. 501 is permanent: the server does not know the method. */
export function isBusy(status: number): boolean {
  return status === 408 || status === 429 || (status >= 500 && status !== 501);
}

/** The error for such a response: a `TransientError` with the time to wait, or the error itself if waiting is useless. */
export function busyError(
  subject: RequestSubject,
  answer: BadAnswer & { readonly headers: ResponseHeaders },
  { now, maxWait }: { readonly now: number; readonly maxWait: number },
): Error {
  const asked = retryAfter(answer.headers, now);
  if (answer.status !== 429) return new TransientError(answerError(subject, answer), asked);
  const { exhausted, renewed } = quota(answer.headers, now);
  // Retry-After comes first; without it the headers about quotas count.
  const wait = asked ?? (exhausted ? renewed : undefined);
  const error = rateLimitError(subject, wait, saying(answer.text, answer.secrets));
  const hopeless = wait === undefined ? exhausted : wait > maxWait;
  return hopeless ? error : new TransientError(error, wait);
}

function rateLimitError(subject: RequestSubject, wait: number | undefined, said: string): CtxsrcError {
  const seconds = wait === undefined ? undefined : Math.ceil(wait / 1000);
  const until = seconds === undefined ? '' : `; it asks to wait ${seconds} s`;
  const message = `${subject.host} refused ${subject.what}: its rate limit is used up${said}${until}`;
  return new CtxsrcError('E_RATE_LIMIT', message, {
    hint:
      subject.kind === 'file'
        ? 'try later, or allow a longer wait with --max-wait'
        : `log in for a higher limit, ${subject.kind === 'upload' ? 'send less at once (--parallel 1)' : 'use a mirror (--mirror)'}, or allow a longer wait with --max-wait`,
    details: { host: subject.host, status: 429, ...(seconds === undefined ? {} : { retryAfter: seconds }) },
  });
}

/** Retry-After (RFC 9110, 10.2.3), seconds or a date, in milliseconds from `now`; undefined if absent or invalid. */
export function retryAfter(headers: ResponseHeaders, now: number): number | undefined {
  const text = header(headers, 'retry-after')?.trim();
  if (text === undefined || text === '') return undefined;
  if (/^\d{1,10}(?:\.\d+)?$/.test(text)) return Math.ceil(Number(text) * 1000);
  const date = /[A-Za-z]{3}/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** The rest of a quota, and the longest time until it is renewed, as far as the headers say. */
export interface Quota {
  readonly exhausted: boolean;
  /** Milliseconds until the quota is renewed, at the latest. */
  readonly renewed: number | undefined;
}

/**
 * Reads `RateLimit-Remaining: 0;w=21600` (Docker Hub), `X-RateLimit-Remaining` with `X-RateLimit-Reset` (seconds, or
 * seconds since the epoch), and `RateLimit: "name";r=0;t=50` (the later draft).
 */
export function quota(headers: ResponseHeaders, now: number): Quota {
  const remaining = header(headers, 'ratelimit-remaining') ?? header(headers, 'x-ratelimit-remaining');
  const structured = header(headers, 'ratelimit');
  const left = /^\s*(\d+)/.exec(remaining ?? '')?.[1] ?? /(?:;|^)\s*r=(\d+)/.exec(structured ?? '')?.[1];
  const window = /;\s*w=(\d{1,10})/.exec(remaining ?? '')?.[1];
  const reset = header(headers, 'ratelimit-reset') ?? header(headers, 'x-ratelimit-reset');
  const seconds =
    /^\s*(\d{1,13})\s*$/.exec(reset ?? '')?.[1] ?? /;\s*t=(\d{1,10})/.exec(structured ?? '')?.[1] ?? window;
  return {
    exhausted: left !== undefined && Number(left) === 0,
    renewed: seconds === undefined ? undefined : untilReset(Number(seconds), now),
  };
}

// A number this large is a time, not a duration: 30 years in seconds.
const A_MOMENT = 1_000_000_000;

function untilReset(seconds: number, now: number): number {
  return seconds < A_MOMENT ? seconds * 1000 : Math.max(0, seconds * 1000 - now);
}
