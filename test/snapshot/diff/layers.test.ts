import { describe, expect, it } from 'vitest';
import { pairLayers } from '../../../src/snapshot/diff/layers.ts';

/** An image whose layers are named by letters; a capital is the same files in another archive. */
const image = (letters: string) => ({
  layers: [...letters].map((letter) => ({ digest: letter, diffId: letter.toLowerCase(), size: 1 })),
});

describe('layers are paired so that as few as can be have moved or changed', () => {
  it.each([
    ['abcd', 'adbc', ['1 same 1', '4 moved 2', '2 same 3', '3 same 4']],
    ['exce', 'xce', ['2 same 1', '3 same 2', '4 same 3', '1 gone -']],
    ['ab', 'nab', ['- added 1', '1 same 2', '2 same 3']],
    ['nabo', 'abp', ['2 same 1', '3 same 2', '4 changed 3', '1 gone -']],
    ['abc', 'aBc', ['1 same 1', '2 packed 2', '3 same 3']],
    ['abcb', 'bcba', ['2 same 1', '3 same 2', '4 same 3', '1 moved 4']],
    ['eee', 'ee', ['1 same 1', '2 same 2', '3 gone -']],
    ['', 'a', ['- added 1']],
  ])('%s → %s', (from, to, rows) => {
    const found = pairLayers(image(from), image(to))!.rows;
    expect(found.map(({ state, from: a = '-', to: b = '-' }) => `${a} ${state} ${b}`)).toEqual(rows);
  });
});
