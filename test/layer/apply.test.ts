import { execFileSync } from 'node:child_process';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { WriteOptions } from '../../src/contract/ref.ts';
import { isCtxsrcError } from '../../src/core/errors.ts';
import { LayerApplier } from '../../src/layer/apply.ts';
import { packEntries, unpackReport } from '../../src/layer/report.ts';
import { TarReader } from '../../src/layer/tar-reader.ts';
import { needs, needsRoot } from '../support/needs.ts';
import { type TarEntry, tar } from '../support/tar-builder.ts';
import { tempDir } from '../support/temp.ts';
import { listTree } from '../support/tree.ts';

const LIMITS = { maxBytes: 1e9, maxFiles: 1e6, maxRatio: 1000 };
const OWN = { uid: process.getuid!(), gid: process.getgid!() };

type Layer = readonly TarEntry[];

function unpack(layers: readonly Layer[], options: Partial<WriteOptions> = {}) {
  const dir = tempDir('apply');
  const applier = new LayerApplier(dir, { owner: 'auto', limits: LIMITS, ...options });
  try {
    for (const layer of layers) {
      const reader = new TarReader(applier);
      applier.beginLayer();
      reader.push(tar(layer.map((entry) => ({ ...OWN, ...entry }))));
      reader.finish();
      applier.endLayer();
    }
    applier.finish();
    const report = unpackReport({
      ...packEntries(applier.root, applier.digests),
      losses: applier.losses.losses,
      lossCounts: applier.losses.counts,
    });
    return { dir, report, entries: [...report.entries] };
  } finally {
    applier.close();
  }
}

/** Paths with what tells them apart: a slash behind directories, the content of files, the text of links. */
function shape(dir: string): string[] {
  return listTree(dir)
    .filter(({ path }) => path !== '')
    .map(({ path, type, target }) => {
      if (type === 'dir') return `${path}/`;
      if (type === 'symlink') return `${path} -> ${target}`;
      return type === 'file'
        ? `${path}=${readFileSync(Buffer.from(`${dir}/${path}`.split('').map((c) => c.charCodeAt(0)))).toString()}`
        : `${path} ${type}`;
    })
    .sort();
}

function refusal(layers: readonly Layer[], options: Partial<WriteOptions> = {}): { code: string; message: string } {
  try {
    unpack(layers, options);
  } catch (error) {
    if (isCtxsrcError(error)) return { code: error.code, message: error.message };
    throw error;
  }
  throw new Error('the layers were accepted');
}

const file = (name: string, content = name): TarEntry => ({ name, content });
const dir = (name: string): TarEntry => ({ name, type: 'dir' });
const link = (name: string, linkname: string): TarEntry => ({ name, type: 'symlink', linkname });
const hard = (name: string, linkname: string): TarEntry => ({ name, type: 'hardlink', linkname });
const gone = (name: string): TarEntry => file(name, '');

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
    expect(entries.map(({ path, pathBytes }) => [path, pathBytes])).toEqual([
      ['ü', undefined],
      [name.toString('latin1'), true],
    ]);
  });

  it('makes missing parents, always the same', () => {
    const { entries } = unpack([[file('a/b/c')]]);
    expect(entries.map(({ path, mode, mtime }) => [path, mode, mtime])).toEqual([
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

describe('whiteouts', () => {
  const base: Layer = [dir('d'), file('d/a', 'a'), dir('d/sub'), file('d/sub/b', 'b'), file('e', 'e'), link('l', 'd')];

  it('remove a file, a directory, through a link, and nothing when there is nothing', () => {
    expect(shape(unpack([base, [gone('.wh.e'), gone('d/.wh.sub'), gone('.wh.none')]]).dir)).toEqual([
      'd/',
      'd/a=a',
      'l -> d',
    ]);
    expect(shape(unpack([base, [gone('l/.wh.a')]]).dir)).toEqual(['d/', 'd/sub/', 'd/sub/b=b', 'e=e', 'l -> d']);
    expect(shape(unpack([base, [gone('.wh.l')]]).dir)).toEqual(['d/', 'd/a=a', 'd/sub/', 'd/sub/b=b', 'e=e']);
  });

  it('may be followed by a new thing of that name, and remove what the layer itself wrote before', () => {
    expect(shape(unpack([base, [gone('.wh.d'), file('d', 'file')]]).dir)).toEqual(['d=file', 'e=e', 'l -> d']);
    expect(shape(unpack([[file('x'), gone('.wh.x')]]).dir)).toEqual([]);
  });

  it.each([
    ['before', [gone('d/.wh..wh..opq'), file('d/new', 'n')]],
    ['after', [file('d/new', 'n'), gone('d/.wh..wh..opq')]],
    ['without an entry for its directory, through a link', [file('l/new', 'n'), gone('l/.wh..wh..opq')]],
  ] as [string, Layer][])('make a directory opaque, the marker standing %s', (_, layer) => {
    expect(shape(unpack([base, layer]).dir)).toEqual(['d/', 'd/new=n', 'e=e', 'l -> d']);
  });

  it('of the opaque kind keep what this layer put deeper, even into an older directory', () => {
    const { dir: root } = unpack([base, [file('d/sub/new', 'n'), gone('d/.wh..wh..opq')]]);
    expect(shape(root)).toEqual(['d/', 'd/sub/', 'd/sub/new=n', 'e=e', 'l -> d']);
  });

  it('of the opaque kind clear the root', () => {
    expect(shape(unpack([base, [gone('.wh..wh..opq'), file('n', 'n')]]).dir)).toEqual(['n=n']);
  });

  it.each(['.wh.', '.wh..', '.wh...', 'd/.wh.', 'd/.wh..', 'd/.wh...'])(
    'named %j are refused and remove nothing',
    (name) => {
      const root = tempDir('apply');
      const applier = new LayerApplier(root, { owner: 'auto', limits: LIMITS });
      applier.beginLayer();
      new TarReader(applier).push(tar(base.map((entry) => ({ ...OWN, ...entry }))));
      applier.endLayer();
      const before = shape(root);
      applier.beginLayer();
      expect(() => new TarReader(applier).push(tar([gone(name)]))).toThrow(
        expect.objectContaining({ code: 'E_UNSAFE' }),
      );
      expect(shape(root)).toEqual(before);
      applier.close();
    },
  );

  it('of aufs for itself are ignored', () => {
    expect(
      shape(unpack([[dir('.wh..wh.plnk'), file('.wh..wh.plnk/1.2'), file('.wh..wh.aufs'), file('a', 'a')]]).dir),
    ).toEqual(['a=a']);
  });
});

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
    expect(entries[0]).toMatchObject({ path: 'd', type: 'dir', mode: 0o1700, mtime: '2000000000000' });
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
    expect(entries.map(({ path, mtime }) => [path, mtime])).toEqual([
      ['d', '1000000000000'],
      ['new', '1000000000000'],
      ['old', '100000000000'],
    ]);
  });
});

describe('a filter', () => {
  const image: Layer = [
    dir('usr'),
    dir('usr/usr'),
    file('usr/usr/deep', 'd'),
    dir('usr/bin'),
    file('usr/bin/a', 'a'),
    hard('usr/bin/b', 'other/target'),
    file('etc/x.conf', 'x'),
    link('bin', 'usr/bin'),
    dir('empty'),
  ];
  const layers: Layer[] = [[dir('other'), file('other/target', 't')], image];

  it('keeps what include chooses, with its parents, and drops what exclude names', () => {
    expect(shape(unpack(layers, { filter: { include: ['usr/bin', '**/*.conf'] } }).dir)).toEqual([
      'etc/',
      'etc/x.conf=x',
      'usr/',
      'usr/bin/',
      'usr/bin/a=a',
      'usr/bin/b=t',
    ]);
    expect(shape(unpack(layers, { filter: { exclude: ['usr', '!usr/bin/b', 'empty', 'other'] } }).dir)).toEqual([
      'bin -> usr/bin',
      'etc/',
      'etc/x.conf=x',
      'usr/',
      'usr/bin/',
      'usr/bin/b=t',
    ]);
  });

  it('makes a directory the root, also through a link and with a child of its own name', () => {
    expect(shape(unpack(layers, { filter: { subpath: 'usr' } }).dir)).toEqual([
      'bin/',
      'bin/a=a',
      'bin/b=t',
      'usr/',
      'usr/deep=d',
    ]);
    expect(shape(unpack(layers, { filter: { subpath: '/bin/', exclude: ['a'] } }).dir)).toEqual(['b=t']);
    const { entries, report } = unpack(layers, { filter: { subpath: 'usr/usr' } });
    expect(entries.map(({ path, type }) => [path, type])).toEqual([['deep', 'file']]);
    expect([report.files, report.bytes]).toEqual([1, 1]);
  });

  it('counts only the losses of what it keeps, by the paths it gives', () => {
    const owned = layers.map((layer) =>
      layer.map((entry) => ({ ...entry, uid: 54321, gid: 54321, mode: entry.type === 'dir' ? 0o755 : 0o4755 })),
    );
    const { report } = unpack(owned, { owner: 'current', filter: { subpath: 'usr/bin', include: ['a'] } });
    expect(report.losses).toEqual([{ path: 'a', kind: 'setuid', detail: 'mode 4755' }]);
    expect(report.lossCounts).toEqual({ setuid: 1 });
  });

  it('refuses a subpath that is not there or no directory', () => {
    expect(refusal(layers, { filter: { subpath: 'none' } }).code).toBe('E_PATH_NOT_FOUND');
    expect(refusal(layers, { filter: { subpath: 'usr/bin/a/x' } }).code).toBe('E_ARCHIVE_INVALID');
    expect(refusal(layers, { filter: { subpath: '../x' } }).code).toBe('E_ATTRIBUTE');
  });
});

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

describe('limits', () => {
  it('count bytes, holes included, and entries', () => {
    expect(refusal([[file('a', 'x'.repeat(100))]], { limits: { ...LIMITS, maxBytes: 99 } })).toMatchObject({
      code: 'E_LIMIT',
      message: expect.stringMatching(/99 bytes/),
    });
    const sparse: TarEntry = { name: 's', content: 'x', sparse: { format: '1.0', realSize: 1e15, map: [[0, 1]] } };
    expect(refusal([[sparse]]).code).toBe('E_LIMIT');
    expect(refusal([[file('a'), file('b'), file('c')]], { limits: { ...LIMITS, maxFiles: 2 } })).toMatchObject({
      code: 'E_LIMIT',
      message: expect.stringMatching(/more than 2 files/),
    });
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

function execSha(content: Buffer): string {
  return execFileSync('openssl', ['dgst', '-sha256', '-r'], { input: content }).toString().slice(0, 64);
}

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
    expect(entries.find(({ path }) => path === 'f')!.xattrs).toEqual({
      'security.capability': capability.toString('base64'),
      'user.note': 'eA==',
    });
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
