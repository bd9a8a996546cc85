/** Bars: of shares and of changes. */
import { expect, it } from 'vitest';
import { barOf, changeBarOf } from '../../src/cli/bar.ts';
import type { Screen } from '../../src/cli/screen.ts';

const screen: Screen = { width: 80, color: false, ascii: false, bars: true };

it('draws a share in half cells, and shows the least that is there', () => {
  const ascii = { ...screen, ascii: true };
  expect([0, 0.0001, 0.5, 0.525, 1, 2].map((share) => barOf(share, 4, screen))).toEqual([
    '',
    '▌',
    '██',
    '██',
    '████',
    '████',
  ]);
  expect(barOf(0.625, 4, screen)).toBe('██▌');
  expect(barOf(0.625, 4, ascii)).toBe('##.');
  expect(barOf(1, 4, { ...screen, bars: false })).toBe('');
});

it('draws what was added and taken away by the longest row, and loses neither', () => {
  expect(changeBarOf(10, 0, 10, 8, screen)).toBe('++++++++');
  expect(changeBarOf(0, 5, 10, 8, screen)).toBe('----');
  expect(changeBarOf(999, 1, 1000, 8, screen)).toBe('+++++++-');
  expect(changeBarOf(1, 1, 1000, 8, screen)).toBe('+-');
  expect(changeBarOf(0, 0, 10, 8, screen)).toBe('');
  expect(changeBarOf(1, 1, 2, 8, { ...screen, bars: false })).toBe('');
});
