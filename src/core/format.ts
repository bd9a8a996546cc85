/** Amounts of bytes for people. */

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
