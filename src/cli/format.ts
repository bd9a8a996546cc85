/** Numbers for people. */

export { formatBytes } from '../core/format-bytes.ts';

/** Milliseconds as `0.4s`, `12s` or `3m05s`. */
export function formatDuration(ms: number): string {
  if (ms < 9_950) return `${(ms / 1000).toFixed(1)}s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds}s`;
  return `${Math.floor(seconds / 60)}m${String(seconds % 60).padStart(2, '0')}s`;
}

/** A future time, without false precision: `20s`, `3m05s` or `2h10m`. */
export function formatTimeLeft(ms: number): string {
  const seconds = Math.max(1, Math.ceil(ms / 1000));
  if (seconds < 3600) return formatDuration(seconds * 1000).replace('.0s', 's');
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)}h${String(minutes % 60).padStart(2, '0')}m`;
}

const AGES = [
  ['week', 7 * 24 * 3600_000],
  ['day', 24 * 3600_000],
  ['hour', 3600_000],
  ['minute', 60_000],
] as const;

/** How long ago, in the largest unit of which there is at least one: `2 hours`, `3 weeks`; below a minute `now`. */
export function formatAge(ms: number): string {
  const [unit, length] = AGES.find(([, length]) => ms >= length) ?? ['', 0];
  if (length === 0) return 'now';
  const count = Math.floor(ms / length);
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}
