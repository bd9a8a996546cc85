/** Hard links within a layer and across layers. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { dir, file, gone, hard, type Layer, link, refusal, shape, unpack } from './applied.ts';

describe('hard links', () => {
  it('share an inode, within a layer and across, and break when replaced', () => {
    const { dir: root, entries } = unpack([
      [file('a', 'one'), hard('b', 'a')],
      [hard('c', 'b'), hard('d', './a')],
      [file('a', 'two'), gone('.wh.b')],
    ]);
    expect(shape(root)).toEqual(['a=two', 'c=one', 'd=one']);
    expect(statSync(join(root, 'c')).ino).toBe(statSync(join(root, 'd')).ino);
    expect(entries.map(({ path, type, target }) => [path, type, target])).toEqual([
      ['a', 'file', undefined],
      ['c', 'file', undefined],
      ['d', 'hardlink', 'c'],
    ]);
    expect(entries[1]!.digest).toMatch(/^sha256:7692c3ad3540/);
  });

  it('do not change what they link to', () => {
    const { dir: root } = unpack([
      [{ ...file('a'), mode: 0o640, mtime: 1000 }],
      [{ ...hard('b', 'a'), mode: 0o777, mtime: 9000 }],
    ]);
    const stat = statSync(join(root, 'a'));
    expect([stat.mode & 0o777, stat.mtimeMs, stat.nlink]).toEqual([0o640, 1000_000, 2]);
  });

  it('lead through links in parents, and to a link itself', () => {
    const { dir: root } = unpack([
      [dir('d'), file('d/f', 'f'), link('l', 'd'), link('s', 'd/f')],
      [hard('h', 'l/f'), hard('t', 's')],
    ]);
    expect(shape(root)).toEqual(['d/', 'd/f=f', 'h=f', 'l -> d', 's -> d/f', 't -> d/f']);
  });

  it('replace what is there', () => {
    expect(shape(unpack([[file('a', 'a'), dir('d'), file('d/x')], [hard('d', 'a')]]).dir)).toEqual(['a=a', 'd=a']);
  });

  it.each([
    ['nothing', [hard('a', 'none')], /does not exist/],
    ['what lies outside', [hard('a', '/etc/passwd')], /does not exist/],
    ['a directory', [dir('d'), hard('a', 'd')], /is a directory/],
    ['itself', [file('a'), hard('a', 'a')], /itself/],
    ['what it replaces', [dir('d'), file('d/f'), hard('d', 'd/f')], /which it replaces/],
    ['the root', [hard('a', '/')], /does not exist/],
  ] as [string, Layer, RegExp][])('are refused when they lead to %s', (_, layer, message) => {
    expect(refusal([layer])).toMatchObject({ code: 'E_ARCHIVE_INVALID', message: expect.stringMatching(message) });
  });
});
