/** Times of entries: seconds and nanoseconds apart, because neither a number nor a date holds both exactly. */
import type { Time } from '../../contract/entry.ts';

const SECOND = 1_000_000_000n;

/** @param nanoseconds since the epoch */
export function splitTime(nanoseconds: bigint): Time {
  const rest = ((nanoseconds % SECOND) + SECOND) % SECOND;
  return { mtime: Number((nanoseconds - rest) / SECOND), mtimeNs: Number(rest) };
}

/** Nanoseconds since the epoch. */
export function joinTime({ mtime, mtimeNs }: Readonly<Time>): bigint {
  return BigInt(mtime) * SECOND + BigInt(mtimeNs);
}

/** Nanoseconds since the epoch, decimal. */
export function textOfTime(time: Readonly<Time>): string {
  const { mtime, mtimeNs } = time;
  if (mtime <= 0) return String(joinTime(time));
  return mtimeNs === 0 ? `${mtime}000000000` : `${mtime}${String(mtimeNs).padStart(9, '0')}`;
}

/** The time of a decimal number of nanoseconds. */
export function timeOfText(text: string): Time {
  if (text.length < 10 || text.startsWith('-')) return splitTime(BigInt(text));
  return { mtime: Number(text.slice(0, -9)), mtimeNs: Number(text.slice(-9)) };
}
