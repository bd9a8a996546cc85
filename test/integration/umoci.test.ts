/**
 * The tree that `unpackLayers` makes is the one that `umoci unpack` makes, entry by entry, the root itself aside. Where
 * umoci and containerd differ (times before 1970, headers of hard links that say something else than the file's) it is
 * containerd's, which is BuildKit's: nothing of that is here.
 */
import { execFileSync } from 'node:child_process';
import { lstatSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fakeJob, WRITE_OPTIONS } from '../support/fake-ref.ts';
import { gzip, LayoutBuilder } from '../support/layout-builder.ts';
import { needs, needsRoot, skip } from '../support/needs.ts';
import { type TarEntry, tar } from '../support/tar-builder.ts';
import { tempDir } from '../support/temp.ts';
import { listTree } from '../support/tree.ts';
import { sha256Of, unpackBytes } from '../support/unpack.ts';

const isRoot = needsRoot('comparison with umoci: owners and devices');
const hasUmoci = needs('umoci', 'getfattr');

/** Unpacks the same layers with both and compares. Returns the number of entries. */
async function compare(archives: readonly Buffer[]): Promise<number> {
  const dir = tempDir('umoci');
  const started = BigInt(Date.now() - 1000) * 1_000_000n;
  const layout = new LayoutBuilder();
  const layers = archives.map((archive) => layout.layer(archive));
  layout.tag(layout.image({ layers }), 'test').write(join(dir, 'layout'));
  execFileSync('umoci', ['unpack', '--image', `${join(dir, 'layout')}:test`, join(dir, 'bundle')], { stdio: 'pipe' });
  const ours = join(dir, 'ours');
  mkdirSync(ours);
  const blobs = archives.map((archive) => ({ blob: gzip(archive, 1), diffId: sha256Of(archive) }));
  await unpackBytes(fakeJob(), dir, blobs, ours, WRITE_OPTIONS);
  // Directories that no layer declares get the time of the run from umoci, and 1970 from us.
  const theirs = listTree(join(dir, 'bundle/rootfs'), { xattrs: true }).map((entry) =>
    entry.type === 'dir' && BigInt(entry.mtime) >= started ? { ...entry, mtime: '0' } : entry,
  );
  expect(listTree(ours, { xattrs: true })).toEqual(theirs);
  return theirs.length;
}

const file = (name: string, content = name, more: Partial<TarEntry> = {}): TarEntry => ({ name, content, ...more });
const dir = (name: string, more: Partial<TarEntry> = {}): TarEntry => ({ name, type: 'dir', ...more });
const symlink = (name: string, linkname: string): TarEntry => ({ name, type: 'symlink', linkname, uid: 3, gid: 4 });
const hardlink = (name: string, linkname: string, more: Partial<TarEntry> = {}): TarEntry => ({
  name,
  type: 'hardlink',
  linkname,
  ...more,
});

const LAYERS: readonly (readonly TarEntry[])[] = [
  [
    dir('./'),
    dir('./bin', { mode: 0o1777, mtime: 1_600_000_000.125 }),
    file('./bin/su', 'su', { mode: 0o4755, uid: 0, gid: 8 }),
    file('./bin/ping', 'ping', {
      mode: 0o755,
      uid: 7,
      xattrs: { 'security.capability': Buffer.from('0100000200200000000000000000000000000000', 'hex'), 'user.x': 'y' },
    }),
    symlink('./sbin', 'bin'),
    symlink('./abs', '/usr/lib'),
    dir('./usr'),
    dir('./usr/lib', { mode: 0o555 }),
    file('./usr/lib/a', 'a'),
    hardlink('./usr/lib/b', 'usr/lib/a'),
    hardlink('./link-to-link', './sbin', { uid: 3, gid: 4 }),
    dir('./opaque'),
    file('./opaque/old', 'old'),
    dir('./opaque/sub'),
    file('./opaque/sub/old', 'old'),
    dir('./late'),
    file('./late/old', 'old'),
    dir('./gone'),
    file('./gone/x', 'x'),
    file('./becomes-dir', 'file'),
    dir('./becomes-file'),
    file('./becomes-file/x', 'x'),
    symlink('./becomes-real', 'usr'),
    file('./same', 'first'),
    file('./same', 'second', { mode: 0o600 }),
    { name: './dev/null', type: 'char', devmajor: 1, devminor: 3, mode: 0o666 },
    { name: './dev/loop0', type: 'block', devmajor: 7, devminor: 0, mode: 0o660, gid: 6 },
    { name: './dev/big', type: 'char', devmajor: 300, devminor: 70_000 },
    { name: './fifo', type: 'fifo', mode: 0o600 },
    file(`./${'long/'.repeat(30)}${'n'.repeat(120)}`, 'long'),
    file(`./gnu-${'g'.repeat(200)}`, 'gnu', { long: 'gnu' }),
    { name: Buffer.from([0x2e, 0x2f, 0xff, 0xfe]), content: 'bytes' },
    {
      name: './sparse',
      content: 'headtail',
      sparse: {
        format: '1.0',
        realSize: 20_000,
        map: [
          [0, 4],
          [19_996, 4],
        ],
      },
    },
    file('./times', 'x', { mtime: 1_500_000_000.5 }),
    file('./owner', 'x', { uid: -1, gid: -2 }),
    file('./empty', ''),
    dir('./deleted-and-made-again'),
    file('./deleted-and-made-again/old', 'x'),
  ],
  [
    // The opaque marker comes first, content after it.
    dir('opaque', { mode: 0o700 }),
    file('opaque/.wh..wh..opq', ''),
    file('opaque/new', 'new'),
    // And the other way round.
    dir('late'),
    file('late/new', 'new'),
    file('late/.wh..wh..opq', ''),
    file('.wh.gone', ''),
    dir('becomes-dir'),
    file('becomes-dir/inside', 'x'),
    file('becomes-file', 'file'),
    dir('becomes-real'),
    // Through links of the layer below.
    file('sbin/added', 'through a link'),
    file('abs/added', 'through an absolute link'),
    hardlink('across', 'usr/lib/b'),
    // Only the metadata changes.
    dir('bin', { mode: 0o711, uid: 1, gid: 2, mtime: 1_650_000_000 }),
    file('.wh.deleted-and-made-again', ''),
    dir('deleted-and-made-again'),
    file('deleted-and-made-again/new', 'x'),
    file('implicit/parent/file', 'x'),
  ],
  [],
  [
    // A file with other names is replaced: the others keep what they had.
    file('usr/lib/a', 'changed'),
    file('bin/.wh.su', ''),
    dir('opaque/sub'),
    file('opaque/sub/third', 'third'),
    file('.wh.does-not-exist', ''),
    hardlink('again', 'across'),
    symlink('same', 'now-a-link'),
    symlink('deleted-and-made-again', 'usr'),
  ],
];

describe.skipIf(!isRoot || !hasUmoci)('as umoci unpack', () => {
  test('an image of four layers with everything in it', async () => {
    expect(await compare(LAYERS.map((entries) => tar(entries)))).toBeGreaterThan(60);
  });

  test('sixty layers that change the same files', async () => {
    const layers = Array.from({ length: 60 }, (_, i) =>
      tar([
        dir('d', { mtime: 1_600_000_000 + i }),
        file(`d/${i}`, String(i)),
        file('d/same', String(i), { mode: 0o600 + (i % 8) }),
        ...(i % 3 === 2 ? [file(`d/.wh.${i - 1}`, '')] : []),
        ...(i % 10 === 9 ? [file('d/.wh..wh..opq', '')] : []),
      ]),
    );
    expect(await compare(layers)).toBe(3);
  });
});

/**
 * Debian's packages as `debootstrap` unpacks them, an archive, kept in the temporary directory for the next run.
 * Undefined where no mirror can be reached, which is a failure in CI.
 */
function debian(): Buffer | undefined {
  const cached = join(tmpdir(), `ctxsrc-test-debian-${process.getuid!()}.tar`);
  const stat = lstatSync(cached, { throwIfNoEntry: false });
  if (stat?.isFile() && stat.uid === process.getuid!()) return readFileSync(cached);
  const root = join(tempDir('debian'), 'root');
  const mirror = process.env.CTXSRC_DEBIAN_MIRROR;
  try {
    execFileSync(
      'debootstrap',
      ['--variant=minbase', '--foreign', 'bookworm', root, ...(mirror === undefined ? [] : [mirror])],
      {
        stdio: 'pipe',
      },
    );
  } catch (error) {
    skip(`debootstrap failed: ${String(error)}`);
    return undefined;
  }
  // Directories of this very run would be taken for those that no layer declares.
  const hourAgo = `@${Math.floor(Date.now() / 1000) - 3600}`;
  const archive = tarOf(root, '--clamp-mtime', '--mtime', hourAgo, '--exclude=./var/cache/apt/archives', '.');
  const mine = `${cached}.${process.pid}`;
  writeFileSync(mine, archive, { mode: 0o600, flag: 'wx' });
  renameSync(mine, cached);
  return archive;
}

function tarOf(root: string, ...paths: string[]): Buffer {
  const flags = ['--xattrs', '--xattrs-include=*', '--numeric-owner'];
  return execFileSync('tar', [...flags, '-C', root, '-c', ...paths], { maxBuffer: 1 << 30 });
}

describe.skipIf(!isRoot || !hasUmoci || !needs('debootstrap', 'tar'))('a real root file system', () => {
  test('Debian, and a layer that changes some of it', { timeout: 600_000 }, async (context) => {
    const base = debian() ?? context.skip();
    const dir = tempDir('debian');
    writeFileSync(join(dir, 'base.tar'), base);
    mkdirSync(join(dir, 'root'));
    execFileSync('tar', ['-C', join(dir, 'root'), '-xpf', join(dir, 'base.tar'), './etc', './usr/share/doc']);
    const change = tarOf(join(dir, 'root'), './etc', './usr/share/doc');
    expect(await compare([base, change])).toBeGreaterThan(5000);
  });
});
