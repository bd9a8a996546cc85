/** Hard links within a layer and across layers. */

import { lstatSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { textOfTime } from '../../../src/fs/entry/time.ts';
import { needsRoot } from '../../support/needs.ts';
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

  it('give the file their own mode, time, owner and attributes, as containerd does', () => {
    const { dir: root, entries } = unpack([
      [{ ...file('a'), mode: 0o640, mtime: 1000 }, link('s', 'a'), { ...file('c'), mode: 0o640, mtime: 1000 }],
      [
        { ...hard('b', 'a'), mode: 0o4711, mtime: 9000.5 },
        { ...hard('t', 's'), mode: 0o600, mtime: 9000 },
      ],
    ]);
    const stat = statSync(join(root, 'a'));
    expect([stat.mode & 0o7777, stat.mtimeMs, stat.nlink]).toEqual([0o4711, 9_000_500, 2]);
    const link1 = lstatSync(join(root, 's'));
    expect([link1.mode & 0o7777, link1.mtimeMs, link1.nlink]).toEqual([0o777, 9_000_000, 2]);
    // What neighbours shared with the file stays theirs, and the report says what is on the disk.
    expect(entries.map(({ path, mode, ...time }) => [path, mode, textOfTime(time)])).toEqual([
      ['a', 0o4711, '9000500000000'],
      ['b', 0o4711, '9000500000000'],
      ['c', 0o640, '1000000000000'],
      ['s', 0o777, '9000000000000'],
      ['t', 0o777, '9000000000000'],
    ]);
  });

  it.skipIf(!needsRoot('hard links change owners'))('change the owner, and what that takes away is gone', () => {
    const capability = Buffer.from('0100000200040000000000000000000000000000', 'hex');
    const { dir: root, entries } = unpack([
      [{ ...file('a'), mode: 0o4755, xattrs: { 'security.capability': capability, 'user.kept': 'x' } }],
      [{ ...hard('b', 'a'), mode: 0o755, uid: 5, gid: 6 }],
      [{ ...hard('c', 'a'), mode: 0o4755, uid: 2 ** 32 - 1, gid: -2 }],
    ]);
    const { uid, gid, mode } = statSync(join(root, 'a'));
    expect([uid, gid, mode & 0o7777]).toEqual([5, 4294967294, 0o4755]);
    expect([...(entries[0]!.xattrs ?? new Map()).keys()]).toEqual(['user.kept']);
    expect(
      unpack(
        [
          [
            { ...file('a'), mode: 0o4755, uid: 7 },
            { ...hard('b', 'a'), mode: 0o4755, uid: 7 },
          ],
        ],
        {
          owner: 'current',
        },
      ).report.lossCounts,
    ).toEqual({ setuid: 1 });
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

  it('lead into what aufs kept of files with several names, which itself is not written', () => {
    const { dir: root, entries } = unpack([
      [
        dir('.wh..wh.plnk'),
        file('.wh..wh.plnk/317.12', 'content'),
        file('.wh..wh.plnk/sub/no', 'x'),
        file('.wh..wh.aufs', 'x'),
        hard('bin/a', '.wh..wh.plnk/317.12'),
        hard('bin/b', '/.wh..wh.plnk/317.12'),
      ],
      [file('c', 'c')],
    ]);
    expect(shape(root)).toEqual(['bin/', 'bin/a=content', 'bin/b=content', 'c=c']);
    expect(entries.map(({ path }) => path)).toEqual(['bin', 'bin/a', 'bin/b', 'c']);
    // They are of one layer.
    expect(refusal([[file('.wh..wh.plnk/1.1')], [hard('a', '.wh..wh.plnk/1.1')]]).message).toMatch(/does not exist/);
  });
});
