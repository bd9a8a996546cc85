/** Bars in a terminal, never the only sign of a number: it stands beside them. */
import type { Screen } from './screen.ts';

/** A share of the whole, 0 to 1, as a bar of whole and half cells; what is not filled is not padded. */
export function barOf(share: number, cells: number, { ascii, bars }: Screen): string {
  if (!bars) return '';
  const halves = Math.round(Math.min(1, Math.max(0, share)) * cells * 2);
  // What is there at all is seen.
  const least = share > 0 ? Math.max(1, halves) : 0;
  return (ascii ? '#' : '█').repeat(Math.floor(least / 2)) + (least % 2 === 0 ? '' : ascii ? '.' : '▌');
}

/**
 * What was added and what was taken away, as `git diff --stat` has them: `+++--`.
 * @param largest the sum of both in the row with the longest bar, of the same unit
 */
export function changeBarOf(added: number, removed: number, largest: number, cells: number, { bars }: Screen): string {
  const sum = added + removed;
  if (!bars || sum <= 0 || largest <= 0) return '';
  const both = added > 0 && removed > 0;
  // None of the two that is there gets lost.
  const length = Math.min(cells, Math.max(both ? 2 : 1, Math.round((sum / largest) * cells)));
  const plus = both ? Math.min(length - 1, Math.max(1, Math.round((added / sum) * length))) : added > 0 ? length : 0;
  return '+'.repeat(plus) + '-'.repeat(length - plus);
}
