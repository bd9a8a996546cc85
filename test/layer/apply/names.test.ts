/** Names of entries, and links on the way to them: everything stays below the root. */

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { textOfTime } from '../../../src/fs/entry/time.ts';
import { tempDir } from '../../support/temp.ts';
import { dir, file, link, refusal, shape, unpack } from './applied.ts';

describe('names', () => {
  it('ignores what resolves to the root, and cleans names', () => {
    const { dir: root } = unpack([
      [
        { name: './', type: 'dir', mode: 0o700 },
        { name: '.', type: 'dir' },
        file('./a'),
        file('/b'),
        file('c//d'),
        file('x/../e'),
        { name: '..', type: 'symlink', linkname: 'z' },
      ],
    ]);
    expect(shape(root)).toEqual(['a=./a', 'b=/b', 'c/', 'c/d=c//d', 'e=x/../e']);
    expect(statSync(root).mode & 0o7777).toBe(0o755);
  });

  it('takes no odd spelling of one name for the parent of the next', () => {
    const { dir: root } = unpack([
      [dir('a/.'), file('a/b'), dir('c//'), file('c/d'), dir('e/f/..'), file('e/g'), dir('h/x'), file('h/x/../i')],
    ]);
    expect(shape(root).filter((line) => line.includes('='))).toEqual(['a/b=a/b', 'c/d=c/d', 'e/g=e/g', 'h/i=h/x/../i']);
  });

  it('keeps names above the root inside it', () => {
    expect(shape(unpack([[file('../../escape'), file('a/../../../up')]]).dir)).toEqual([
      'escape=../../escape',
      'up=a/../../../up',
    ]);
  });

  it('keeps any byte', () => {
    const name = Buffer.from([0xff, 0x0a, 0x5c, 0x20, 0x80]);
    const { dir: root, entries } = unpack([
      [
        { name, content: 'x' },
        { name: 'ü', content: 'y' },
      ],
    ]);
    expect(
      readdirSync(root, { encoding: 'buffer' })
        .map((one) => one.toString('latin1'))
        .sort(),
    ).toEqual([Buffer.from('ü').toString('latin1'), name.toString('latin1')].sort());
    expect(entries.map(({ path }) => path)).toEqual([Buffer.from('ü').toString('latin1'), name.toString('latin1')]);
  });

  it('makes missing parents, always the same', () => {
    const { entries } = unpack([[file('a/b/c')]]);
    expect(entries.map(({ path, mode, ...time }) => [path, mode, textOfTime(time)])).toEqual([
      ['a', 0o755, '0'],
      ['a/b', 0o755, '0'],
      ['a/b/c', 0o644, '1700000000000000000'],
    ]);
  });

  it('refuses names and paths that are too long', () => {
    expect(refusal([[file('n'.repeat(256))]]).code).toBe('E_ARCHIVE_INVALID');
    expect(refusal([[file(`${'n'.repeat(256)}/f`)]]).code).toBe('E_ARCHIVE_INVALID');
    expect(refusal([[file(`${'n/'.repeat(2100)}f`)]]).code).toBe('E_ARCHIVE_INVALID');
    expect(refusal([[file('x'.repeat(1_000_000))]]).code).toBe('E_ARCHIVE_INVALID');
    expect(shape(unpack([[file('n'.repeat(255), 'x')]]).dir)).toEqual([`${'n'.repeat(255)}=x`]);
  });
});

describe('links in parents', () => {
  it('are followed inside the root', () => {
    const { dir: root } = unpack([
      [dir('usr/bin'), link('bin', 'usr/bin'), link('abs', '/usr/bin'), link('up', '../../../usr/./bin/.')],
      [file('bin/a', 'a'), file('abs/b', 'b'), file('up/c', 'c')],
    ]);
    expect(shape(root)).toEqual([
      'abs -> /usr/bin',
      'bin -> usr/bin',
      'up -> ../../../usr/./bin/.',
      'usr/',
      'usr/bin/',
      'usr/bin/a=a',
      'usr/bin/b=b',
      'usr/bin/c=c',
    ]);
  });

  it('do not lead out, and their missing targets are made inside', () => {
    const outside = tempDir('outside');
    const { dir: root } = unpack([
      [link('l', outside), link('m', 'made/x/../y'), file('l/f', 'inside'), file('m/g', 'g')],
    ]);
    expect(readdirSync(outside)).toEqual([]);
    expect(readFileSync(join(root, outside, 'f'), 'utf8')).toBe('inside');
    expect(readdirSync(join(root, 'made'))).toEqual(['y']);
  });

  it('may not go round in circles or lead through a file', () => {
    expect(refusal([[link('a', 'b'), link('b', 'a'), file('a/f')]])).toMatchObject({
      code: 'E_ARCHIVE_INVALID',
      message: expect.stringMatching(/circles/),
    });
    expect(refusal([[file('a'), file('a/f')]])).toMatchObject({
      code: 'E_ARCHIVE_INVALID',
      message: expect.stringMatching(/below a/),
    });
  });

  it('are replaced, not followed, as last component', () => {
    const { dir: root } = unpack([
      [dir('d'), file('d/kept', 'k'), link('l', 'd'), link('m', 'd')],
      [dir('l'), file('l/f', 'f'), file('m', 'm')],
    ]);
    expect(shape(root)).toEqual(['d/', 'd/kept=k', 'l/', 'l/f=f', 'm=m']);
  });
});
