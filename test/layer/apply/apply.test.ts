/** What later entries make of earlier ones, metadata, and limits. */

import { execFileSync } from 'node:child_process';
import { existsSync, linkSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { textOfTime } from '../../../src/fs/entry/time.ts';
import { LayerApplier } from '../../../src/layer/apply/apply.ts';
import { needs, needsRoot } from '../../support/needs.ts';
import type { TarEntry } from '../../support/tar-builder.ts';
import { tempDir } from '../../support/temp.ts';
import { listTree } from '../../support/tree.ts';
import { dir, file, LIMITS, link, refusal, shape, unpack } from './applied.ts';

describe('replacement', () => {
  it('turns directories into files and back, also within one layer', () => {
    const { dir: root } = unpack([
      [dir('a'), file('a/x'), file('b')],
      [file('a', 'file'), dir('b'), file('b/y', 'y')],
      [dir('a'), file('b', '1'), file('b', '2')],
    ]);
    expect(shape(root)).toEqual(['a/', 'b=2']);
  });

  it('merges directories and takes the metadata of the later one, attributes and all', () => {
    const { dir: root, entries } = unpack([
      [{ ...dir('d'), mode: 0o755, mtime: 1000 }, file('d/a', 'a')],
      [{ ...dir('d'), mode: 0o1700, mtime: 2000 }],
      [file('d/b', 'b')],
    ]);
    expect(shape(root)).toEqual(['d/', 'd/a=a', 'd/b=b']);
    const stat = statSync(join(root, 'd'));
    expect([stat.mode & 0o7777, stat.mtimeMs]).toEqual([0o1700, 2000_000]);
    expect(entries[0]).toMatchObject({ path: 'd', type: 'dir', mode: 0o1700, mtime: 2000, mtimeNs: 0 });
  });

  it('keeps setuid, setgid and sticky, times to the nanosecond, and read-only directories', () => {
    const { dir: root } = unpack([
      [
        { ...dir('ro'), mode: 0o555 },
        file('ro/f', 'x'),
        { ...dir('none'), mode: 0 },
        file('none/g'),
        { ...file('s'), mode: 0o6751 },
        { ...file('w'), mode: 0o666 },
        { ...file('t'), pax: { mtime: '1600000000.123456789' } },
        { ...link('l', 'x'), pax: { mtime: '1600000000.5' } },
      ],
    ]);
    const tree = new Map(listTree(root, {}).map((entry) => [entry.path, entry]));
    expect(tree.get('s')!.mode).toBe('6751');
    expect(tree.get('w')!.mode).toBe('0666');
    expect(tree.get('ro')!.mode).toBe('0555');
    expect(tree.get('none')!.mode).toBe('0000');
    expect(tree.get('t')!.mtime).toBe('1600000000123456789');
    expect(tree.get('l')!.mtime).toBe('1600000000500000000');
  });

  it('clamps times to the epoch', () => {
    const { entries } = unpack(
      [
        [
          { ...file('old'), mtime: 100 },
          { ...file('new'), mtime: 5000 },
          { ...dir('d'), mtime: 5000 },
        ],
      ],
      { epoch: 1000 },
    );
    expect(entries.map(({ path, ...time }) => [path, textOfTime(time)])).toEqual([
      ['d', '1000000000000'],
      ['new', '1000000000000'],
      ['old', '100000000000'],
    ]);
  });
});

describe('limits', () => {
  it('count bytes, holes included, and entries', () => {
    expect(refusal([[file('a', 'x'.repeat(100))]], { limits: { ...LIMITS, maxBytes: 99 } })).toMatchObject({
      code: 'E_LIMIT',
      message: 'the image unpacks to more than 99 bytes',
    });
    const sparse: TarEntry = { name: 's', content: 'x', sparse: { format: '1.0', realSize: 1e15, map: [[0, 1]] } };
    expect(refusal([[sparse]]).code).toBe('E_LIMIT');
    expect(refusal([[file('a'), file('b'), file('c')]], { limits: { ...LIMITS, maxFiles: 2 } })).toMatchObject({
      code: 'E_LIMIT',
      message: 'the image has more than 2 files',
    });
    const archive = { whiteouts: false, limits: { ...LIMITS, maxFiles: 0 } };
    expect(refusal([[file('a')]], archive).message).toBe('the archive has more than 0 files');
    expect(refusal([[file('a/b/c')]], { limits: { ...LIMITS, maxFiles: 2 } }).code).toBe('E_LIMIT');
  });
});

describe('sparse files', () => {
  it('have their holes, on disk and in the digest', () => {
    const { dir: root, entries } = unpack([
      [{ name: 's', content: 'abc', sparse: { format: '1.0', realSize: 10_000_000, map: [[4096, 3]] } }],
    ]);
    const content = Buffer.alloc(10_000_000);
    content.write('abc', 4096);
    expect(readFileSync(join(root, 's')).equals(content)).toBe(true);
    expect(statSync(join(root, 's')).blocks * 512).toBeLessThan(1_000_000);
    expect(entries[0]).toMatchObject({ size: 10_000_000, digest: `sha256:${execSha(content)}` });
  });
});

describe.skipIf(!needsRoot('owners, devices and capabilities'))('as root', () => {
  it('keeps owners, devices, fifos and attributes, setuid and capabilities in spite of the change of owner', () => {
    const capability = Buffer.from('0100000200200000000000000000000000000000', 'hex');
    const {
      dir: root,
      report,
      entries,
    } = unpack([
      [
        {
          ...file('f'),
          uid: 1234,
          gid: 5678,
          mode: 0o4755,
          xattrs: { 'security.capability': capability, 'user.note': 'x' },
        },
        { ...dir('d'), uid: 7, gid: 8, mode: 0o2775 },
        { ...link('l', 'f'), uid: 9, gid: 10 },
        { name: 'null', type: 'char', mode: 0o666, devmajor: 1, devminor: 3 },
        { name: 'sda', type: 'block', mode: 0o660, devmajor: 8, devminor: 300, uid: 0, gid: 6 },
        { name: 'pipe', type: 'fifo', mode: 0o622 },
      ],
    ]);
    const tree = new Map(listTree(root).map((entry) => [entry.path, entry]));
    expect(report.lossCounts).toEqual({});
    expect(tree.get('f')).toMatchObject({ uid: 1234, gid: 5678, mode: '4755' });
    expect(tree.get('d')).toMatchObject({ uid: 7, gid: 8, mode: '2775' });
    expect(tree.get('l')).toMatchObject({ uid: 9, gid: 10 });
    expect(tree.get('null')).toMatchObject({ type: 'char', mode: '0666', device: '1:3' });
    expect(tree.get('sda')).toMatchObject({ type: 'block', mode: '0660', gid: 6, device: '8:300' });
    expect(tree.get('pipe')).toMatchObject({ type: 'fifo', mode: '0622' });
    expect(entries.find(({ path }) => path === 'f')!.xattrs).toEqual(
      new Map([
        ['security.capability', capability.toString('latin1')],
        ['user.note', 'x'],
      ]),
    );
    if (needs('getfattr')) {
      expect(
        execFileSync('getfattr', ['-n', 'security.capability', '-e', 'hex', '--only-values', join(root, 'f')]),
      ).toEqual(capability);
    }
  });

  it('gives everything to the current user when asked, without a loss of owners', () => {
    const { report, entries } = unpack(
      [
        [
          { ...file('f'), uid: 1234, gid: 5678 },
          { ...file('s'), uid: 1, gid: 1, mode: 0o4755 },
        ],
      ],
      { owner: 'current' },
    );
    expect(entries.map(({ uid, gid, mode }) => [uid, gid, mode])).toEqual([
      [0, 0, 0o644],
      [0, 0, 0o755],
    ]);
    expect(report.lossCounts).toEqual({ setuid: 1 });
    expect(report.losses).toEqual([{ path: 's', kind: 'setuid', detail: 'mode 4755' }]);
  });
});

describe('an unpacked directory', () => {
  it('must be a directory and no link', () => {
    const root = tempDir('apply');
    mkdirSync(join(root, 'd'));
    symlinkSync('d', join(root, 'l'));
    writeFileSync(join(root, 'f'), '');
    linkSync(join(root, 'f'), join(root, 'g'));
    for (const name of ['l', 'f']) {
      expect(() => new LayerApplier(join(root, name), { owner: 'auto', limits: LIMITS })).toThrow(
        expect.objectContaining({ code: 'E_UNSAFE' }),
      );
    }
    expect(existsSync(join(root, 'd', '.ctxsrc-probe'))).toBe(false);
  });
});

function execSha(content: Buffer): string {
  return execFileSync('sha256sum', { input: content }).toString().slice(0, 64);
}
