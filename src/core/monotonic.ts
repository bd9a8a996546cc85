/**
 * Milliseconds of a clock that only runs forward, from an arbitrary origin. `performance.now()` would do, but the first
 * use of `performance` costs a short run several milliseconds.
 */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}
