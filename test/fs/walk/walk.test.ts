import { expect, test, vi } from 'vitest';
import { entryOf, type LateReader, type TreeEntry } from '../../../src/fs/entry/tree-entry.ts';
import { PatternMatcher } from '../../../src/fs/match/patterns.ts';
import { walkInSteps, walkTree } from '../../../src/fs/walk/walk.ts';

const STAT = { size: 0, uid: 0, gid: 0, nlink: 1, dev: 1, ino: 1, rdev: 0, mtimeMs: 0, ctimeMs: 0 };

/** A directory of plain files and of one directory `m` among them. */
function reader(files: number): LateReader {
  const names = Array.from({ length: files }, (_, i) => `${i < files / 2 ? 'f' : 'z'}${String(i).padStart(5, '0')}`);
  return {
    others: new Map([['m', true]]),
    names: (path) => (path === '' ? [...names, 'm'].reverse() : []),
    entry: vi.fn((path: string): TreeEntry => entryOf(path, { ...STAT, mode: 0o040755 })),
    target: () => '',
  };
}

test('files that the directory vouches for are not looked at, however many there are', () => {
  const tree = reader(2_000);
  const found = [...walkTree(tree)];
  const paths = found.flatMap((each) => (each.type === 'unseen' ? each.names : [each.path]));
  expect(paths).toEqual(tree.names('').sort());
  expect(found.filter(({ type }) => type !== 'unseen')).toMatchObject([{ path: 'm', type: 'dir' }]);
  expect(tree.entry).toHaveBeenCalledExactlyOnceWith('m', true);
  for (const each of found) if (each.type === 'unseen') expect(each.names.length).toBeLessThanOrEqual(256);
});

test('neither are those that the filter drops', () => {
  const tree = reader(2_000);
  const ignored = vi.fn();
  const found = [...walkTree(tree, { exclude: ['f*', 'z*', '!*/kept'] }, ignored)];
  expect(found).toMatchObject([{ path: 'm' }]);
  expect(ignored).toHaveBeenCalledTimes(2_000);
  expect(tree.entry).toHaveBeenCalledExactlyOnceWith('m', true);
});

test('a walk that takes nothing gives its caller time, and an end', () => {
  const exclude = Array.from({ length: 500 }, (_, i) => `${i}*?`).concat('**');
  const steps = [...walkInSteps(reader(2_000), { exclude })];
  expect(steps.length).toBeGreaterThan(3);
  expect(new Set(steps)).toEqual(new Set([undefined]));
  const work = vi.spyOn(PatternMatcher.prototype, 'work', 'get').mockReturnValue(5_000_000_001);
  expect(() => [...walkInSteps(reader(1), { exclude })]).toThrow(/too many patterns for so many paths/);
  work.mockRestore();
});
