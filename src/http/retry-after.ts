/** What a server says about when to come back: Retry-After, and the several spellings of rate limit headers. */
import { header, type ResponseHeaders } from './headers.ts';

/** Retry-After (RFC 9110, section 10.2.3) in milliseconds from `now`: seconds or a date; undefined when absent or unreadable. */
export function retryAfter(headers: ResponseHeaders, now: number): number | undefined {
  const text = header(headers, 'retry-after')?.trim();
  if (text === undefined || text === '') return undefined;
  if (/^\d{1,10}(?:\.\d+)?$/.test(text)) return Math.ceil(Number(text) * 1000);
  const date = /[A-Za-z]{3}/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** What is left of a quota, and the longest time until there is more, as far as the headers say. */
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

// A number this large is a moment, not a span: 30 years in seconds.
const A_MOMENT = 1_000_000_000;

function untilReset(seconds: number, now: number): number {
  return seconds < A_MOMENT ? seconds * 1000 : Math.max(0, seconds * 1000 - now);
}
