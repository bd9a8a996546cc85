/**
 * Milliseconds of a clock that only runs forward, from an arbitrary origin. `performance.now()` would do, but the first
 * use of `performance` costs a short run several milliseconds.
 */
export function monotonicMs(): number {
  const time = process.hrtime();
  return time[0] * 1000 + time[1] / 1e6;
}
