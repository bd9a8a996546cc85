/** Durations as Go writes them: `1h30m`, `1.5s`, `100ms`. */
import { shortened } from '../../core/printable.ts';
import { DockerfileProblem } from '../problem.ts';

const UNITS: ReadonlyMap<string, bigint> = new Map([
  ['ns', 1n],
  ['us', 1_000n],
  ['µs', 1_000n],
  ['μs', 1_000n],
  ['ms', 1_000_000n],
  ['s', 1_000_000_000n],
  ['m', 60_000_000_000n],
  ['h', 3_600_000_000_000n],
]);

const PART = /([0-9]*)(?:\.([0-9]*))?([^0-9.]+)/y;
const MAX_NANOSECONDS = 2n ** 63n - 1n;
/** More digits behind the point change nothing. */
const MAX_FRACTION = 18;

/**
 * The duration in nanoseconds.
 * @throws DockerfileProblem
 */
export function parseDuration(text: string): number {
  const sign = /^[+-]/.exec(text)?.[0] ?? '';
  const parts = text.slice(sign.length);
  if (parts === '0') return 0;
  let total = 0n;
  PART.lastIndex = 0;
  for (let at = 0; at < parts.length || at === 0; at = PART.lastIndex) {
    PART.lastIndex = at;
    const [, whole = '', fraction = '', unitName = ''] = PART.exec(parts) ?? [];
    const unit = UNITS.get(unitName);
    if (unit === undefined || whole.length > 20 || whole + fraction === '') throw invalid(text);
    const digits = fraction.slice(0, MAX_FRACTION);
    total += BigInt(whole || '0') * unit + (BigInt(digits || '0') * unit) / 10n ** BigInt(digits.length);
    if (total > MAX_NANOSECONDS) throw invalid(text);
  }
  return sign === '-' ? -Number(total) : Number(total);
}

function invalid(text: string): DockerfileProblem {
  return new DockerfileProblem(`invalid duration ${shortened(text)}`, 'write a number with its unit, for instance 30s');
}
