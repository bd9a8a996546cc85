import { expect, it } from 'vitest';
import { LinkMap } from '../../../src/fs/entry/link-map.ts';

it('paths are hard links of each other by device and inode, not by the inode alone', () => {
  const links = new LinkMap<string>();
  expect(links.firstOf({ dev: 1, ino: 7, nlink: 2 }, 'a')).toBeUndefined();
  expect(links.firstOf({ dev: 2, ino: 7, nlink: 2 }, 'b')).toBeUndefined();
  expect(links.firstOf({ dev: 1, ino: 7, nlink: 2 }, 'c')).toBe('a');
  expect(links.firstOf({ dev: 2, ino: 7, nlink: 2 }, 'd')).toBe('b');
});

it('a file with one path is nobody’s link, and the numbers may be of any size', () => {
  const links = new LinkMap<string>();
  expect(links.firstOf({ dev: 1n, ino: 2n ** 60n, nlink: 1n }, 'a')).toBeUndefined();
  expect(links.firstOf({ dev: 1n, ino: 2n ** 60n, nlink: 2n }, 'b')).toBeUndefined();
  expect(links.firstOf({ dev: 1n, ino: 2n ** 60n, nlink: 2n }, 'c')).toBe('b');
  expect(links.firstOf({ dev: 1n, ino: 2n ** 60n + 1n, nlink: 2n }, 'd')).toBeUndefined();
});
