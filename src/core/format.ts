/** Numbers for people. */

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const;

/** Bytes with three digits, powers of 1000: `61.2 MB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  if (unit === 0) return `${bytes} B`;
  return `${value >= 99.95 ? value.toFixed(0) : value.toFixed(1)} ${UNITS[unit]}`;
}

/** A growth with its sign: `+1.6 MB`. */
export function formatGrowth(bytes: number): string {
  return bytes < 0 ? `-${formatBytes(-bytes)}` : `+${formatBytes(bytes)}`;
}

/** Two amounts, in bytes where they would print alike: `4.6 MB → 4.7 MB`, `4600123 B → 4600124 B`. */
export function formatChange(from: number, to: number): string {
  const [before, after] = [formatBytes(from), formatBytes(to)];
  return from !== to && before === after ? `${from} B → ${to} B` : `${before} → ${after}`;
}

/** A number of things: `1 file`, `41,000 files`. */
export function counted(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString('en')} ${number === 1 ? one : many}`;
}

/** Permission bits: `0644`. */
export const octal = (mode: number): string => mode.toString(8).padStart(4, '0');

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
