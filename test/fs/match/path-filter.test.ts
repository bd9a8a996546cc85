import { describe, expect, it } from 'vitest';
import { PathFilter } from '../../../src/fs/match/path-filter.ts';

describe('PathFilter', () => {
  it('places what is below the subpath', () => {
    const filter = new PathFilter({ subpath: '/a/./b/' });
    expect(filter.subpath).toBe('a/b');
    expect(filter.writtenPath('a/b')).toBe('');
    expect(filter.writtenPath('a/b/c')).toBe('c');
    expect(filter.writtenPath('a/bc')).toBeUndefined();
    expect(filter.writtenPath('a')).toBeUndefined();
    expect(new PathFilter().writtenPath('x/y')).toBe('x/y');
    expect(new PathFilter({ subpath: '.' }).writtenPath('x')).toBe('x');
  });

  it('wants what is included and not excluded, parents of a path deciding for it', () => {
    const filter = new PathFilter({ include: ['src', '*.md'], exclude: ['**/*.tmp', '!src/keep.tmp'] });
    expect(
      ['src/a.ts', 'README.md', 'src/x.tmp', 'src/keep.tmp', 'doc/a.md'].map((path) => filter.wants(path)),
    ).toEqual([true, true, false, true, false]);
    expect(new PathFilter({ include: [] }).wants('x')).toBe(true);
  });

  it('knows where nothing can be wanted', () => {
    expect(new PathFilter({ include: ['mod/inner'] }).mayWantBelow('mod')).toBe(true);
    expect(new PathFilter({ exclude: ['mod'] }).mayWantBelow('mod')).toBe(false);
    expect(new PathFilter({ exclude: ['mod', '!mod/x'] }).mayWantBelow('mod')).toBe(true);
  });

  it('refuses a subpath that leads outside, and bad patterns', () => {
    expect(() => new PathFilter({ subpath: '../x' })).toThrow(/leads out/);
    expect(() => new PathFilter({ subpath: 'a/../..' })).toThrow(/leads out/);
    expect(() => new PathFilter({ include: ['[a'] })).toThrow(/syntax error/);
  });
});
