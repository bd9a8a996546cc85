import { afterEach, describe, expect, test, vi } from 'vitest';
import { EntryRows } from '../../src/fs/entry/rows.ts';
import { TreeHasher } from '../../src/fs/hash/tree-hasher.ts';
import { PatternMatcher } from '../../src/fs/match/patterns.ts';
import { StatCache } from '../../src/fs/stat-cache/stat-cache.ts';
import { cacheAgrees, digestsAgree, patternsAgree, walkAgrees } from '../support/properties.ts';

afterEach(() => vi.restoreAllMocks());

/** What the properties are for: each of these mistakes, put into the code, makes one of them fail. */
describe('a mistake is noticed', () => {
  const seed = 7;

  test('a matcher that forgets exceptions', () => {
    const { matchesBelow } = PatternMatcher.prototype;
    vi.spyOn(PatternMatcher.prototype, 'matchesBelow').mockImplementation(function (
      this: PatternMatcher,
      path,
      parent,
      vector,
    ) {
      return matchesBelow.call(this, path, parent, vector) || this.patterns.some(({ exception }) => exception);
    });
    expect(() => patternsAgree({ numRuns: 2_000, seed })).toThrow(/Property failed/);
  });

  test('a walk in the order of paths, not of keys', () => {
    const { sort } = Array.prototype;
    vi.spyOn(Array.prototype, 'sort').mockImplementation(function (this: unknown[], compare) {
      // Names are the only lists that are sorted without a comparison.
      return compare === undefined ? sort.call(this, (a, b) => (`${a}/` < `${b}/` ? -1 : 1)) : sort.call(this, compare);
    });
    expect(() => walkAgrees({ numRuns: 2_000, seed })).toThrow(/Property failed/);
  });

  test('a digest without the names that are hashed twice', () => {
    const { entry } = TreeHasher.prototype;
    vi.spyOn(TreeHasher.prototype, 'entry').mockImplementation(function (this: TreeHasher, parent, text) {
      entry.call(this, parent, text.replace(/^\u00ff/, '\u00fe'));
    });
    expect(() => digestsAgree({ numRuns: 2_000, seed })).toThrow(/Property failed/);
  });

  test('a cache that does not compare what changed', async () => {
    vi.spyOn(EntryRows.prototype, 'isSame').mockReturnValue(true);
    await expect(cacheAgrees({ numRuns: 100, seed })).rejects.toThrow(/Property failed/);
  });

  test('a cache that takes the names of another directory', async () => {
    const { names } = StatCache.prototype;
    vi.spyOn(StatCache.prototype, 'names').mockImplementation(function (this: StatCache, dir) {
      return names.call(this, dir)?.slice(1);
    });
    await expect(cacheAgrees({ numRuns: 100, seed })).rejects.toThrow(/Property failed/);
  });
});
