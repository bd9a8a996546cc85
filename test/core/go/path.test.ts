import { describe, expect, it } from 'vitest';
import { baseName, cleanPath, dirName, joinPath } from '../../../src/core/go/path.ts';

describe('paths as Go has them', () => {
  it.each([
    [['a', '/b//c/'], 'a/b/c'],
    [['a', '', './b'], 'a/b'],
    [['a/../..', 'b'], '../b'],
    [['a', '..'], '.'],
    [['/a', '..', '..'], '/'],
    [['', ''], ''],
  ])('%j joined is %s', (parts, joined) => {
    expect(joinPath(...parts)).toBe(joined);
  });

  it('are cleaned and taken apart', () => {
    expect(['', '.', 'a/./b', '/../a', '../a', 'a//'].map(cleanPath)).toEqual(['.', '.', 'a/b', '/a', '../a', 'a']);
    expect(['', 'a', 'a/b', '/a', 'a/b/'].map(dirName)).toEqual(['.', '.', 'a', '/', 'a/b']);
    expect(['', '/', 'a/b', 'a/b/'].map(baseName)).toEqual(['.', '/', 'b', 'b']);
  });
});
