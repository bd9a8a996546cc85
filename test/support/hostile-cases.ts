/**
 * Archives and images that want to do harm, or are broken, each with what must come of it: an error code, or exactly
 * this tree. Everything is made by code; nothing here reads or writes a file.
 */
import { gzipSync } from 'node:zlib';
import type { ErrorCode } from '../../src/core/errors.ts';
import { gzip, zstdRaw } from './layout-builder.ts';
import { checksum, octal, padded, paxHeader, type TarEntry, tar, tarEntry } from './tar-builder.ts';

export interface HostileCase {
  readonly name: string;
  /** Uncompressed archives, or a blob with its archive. `outside` is a directory beside the target that must not change. */
  readonly layers: (outside: string) => readonly (Buffer | HostileBlob)[];
  /** A code, or lines as `treeLines` makes them. */
  readonly expected: ErrorCode | readonly string[] | ((outside: string) => readonly string[]);
  /** For a normal user, where it differs. */
  readonly asUser?: ErrorCode | readonly string[];
  /** Kinds of losses for a normal user. */
  readonly userLosses?: readonly string[];
  readonly limits?: { readonly maxBytes?: number; readonly maxFiles?: number; readonly maxRatio?: number };
  /** The message must contain this. */
  readonly message?: string;
}

export interface HostileBlob {
  readonly blob: Buffer;
  /** What the diff ID is of. */
  readonly archive: Buffer;
}

const file = (name: string | Buffer, content = '', more: Partial<TarEntry> = {}): TarEntry => ({
  name,
  content,
  ...more,
});
const dir = (name: string, more: Partial<TarEntry> = {}): TarEntry => ({ name, type: 'dir', ...more });
const symlink = (name: string, linkname: string | Buffer): TarEntry => ({ name, type: 'symlink', linkname });
const hardlink = (name: string, linkname: string): TarEntry => ({ name, type: 'hardlink', linkname });
const device = (name: string): TarEntry => ({ name, type: 'char', devmajor: 1, devminor: 3 });

/** One layer of these entries. */
const one =
  (...entries: TarEntry[]) =>
  (): Buffer[] => [tar(entries)];
/** Parts of an archive after each other, without an end. */
const raw =
  (...parts: Uint8Array[]) =>
  (): Buffer[] => [Buffer.concat(parts)];
const END = Buffer.alloc(1024);
const GOOD = tar([file('good', 'x')]);
const long = 'n'.repeat(1 << 20);

const INVALID: ErrorCode = 'E_ARCHIVE_INVALID';

export const HOSTILE_CASES: readonly HostileCase[] = [
  // Names that want to leave the root.
  { name: 'a name with ..', layers: one(file('../escape', 'x')), expected: ['file escape: x'] },
  { name: 'a name with many ..', layers: one(file('a/../../../escape', 'x')), expected: ['file escape: x'] },
  { name: 'an absolute name', layers: one(file('/absolute', 'x')), expected: ['file absolute: x'] },
  {
    name: 'the absolute name of a file outside',
    layers: (outside) => [tar([file(`${outside}/file`, 'x')])],
    expected: (outside) => [...parents(outside), `file ${outside.slice(1)}/file: x`],
  },
  { name: 'doubled slashes', layers: one(file('//d//f', 'x')), expected: ['dir d', 'file d/f: x'] },
  {
    name: 'the root by all its names',
    layers: one(dir('.'), dir('./'), dir('/'), dir('..'), dir('a/..')),
    expected: [],
  },
  { name: 'the root as a file', layers: one(file('./', 'x')), expected: [] },
  { name: 'the root as a symbolic link', layers: (outside) => [tar([symlink('.', outside)])], expected: [] },
  {
    name: 'the root as a link, then a file',
    layers: (outside) => [tar([symlink('./', outside), file('f', 'x')])],
    expected: ['file f: x'],
  },
  { name: '.. of a directory that does not exist', layers: one(file('no/../f', 'x')), expected: ['file f: x'] },
  {
    name: 'a NUL in a PAX path',
    layers: one({ name: 'x', pax: { path: Buffer.from('a\0/../../b') } }),
    expected: INVALID,
  },
  {
    name: 'backslashes are a name',
    layers: one(file('..\\..\\x', 'x')),
    expected: ['file ..\\..\\x: x'],
  },

  // Symbolic links.
  {
    name: 'through a relative link out of the root',
    layers: one(symlink('l', '../../outside'), file('l/file', 'x')),
    expected: ['symlink l -> ../../outside', 'dir outside', 'file outside/file: x'],
  },
  {
    name: 'through an absolute link out of the root',
    layers: (outside) => [tar([symlink('l', outside), file('l/file', 'x')])],
    expected: (outside) => [
      ...[...parents(outside), `file ${outside.slice(1)}/file: x`, `symlink l -> ${outside}`].sort(byPath),
    ],
  },
  {
    name: 'through a link of the layer below',
    layers: () => [tar([symlink('l', '../..')]), tar([file('l/file', 'x')])],
    expected: ['file file: x', 'symlink l -> ../..'],
  },
  {
    name: 'through a link to the root, many times',
    layers: one(symlink('l', '.'), file('l/l/l/l/f', 'x')),
    expected: ['file f: x', 'symlink l -> .'],
  },
  { name: 'links in a circle', layers: one(symlink('a', 'b'), symlink('b', 'a'), file('a/x')), expected: INVALID },
  { name: 'a link to itself', layers: one(symlink('a', 'a'), file('a/x')), expected: INVALID },
  {
    name: 'a chain of 300 links',
    layers: one(...Array.from({ length: 300 }, (_, i) => symlink(`l${i}`, `l${i + 1}`)), file('l0/x')),
    expected: INVALID,
  },
  {
    name: 'links that double the way at each step',
    layers: one(
      ...Array.from({ length: 40 }, (_, i) => symlink(`l${i}`, `l${i + 1}/../l${i + 1}`)),
      dir('l40'),
      file('l0/x'),
    ),
    expected: INVALID,
  },
  {
    name: 'a file replaces a link',
    layers: (outside) => [tar([symlink('l', `${outside}/file`), file('l', 'x')])],
    expected: ['file l: x'],
  },
  {
    name: 'a directory replaces a link',
    layers: (outside) => [tar([symlink('l', outside), dir('l', { mode: 0o777 }), file('l/file', 'x')])],
    expected: ['dir l', 'file l/file: x'],
  },
  {
    name: 'a link replaces a directory, then a file below it',
    layers: (outside) => [tar([dir('d'), file('d/f')]), tar([symlink('d', outside)]), tar([file('d/.wh.file')])],
    expected: (outside) => [...parents(outside), `symlink d -> ${outside}`].sort(byPath),
  },
  { name: 'a link to nothing', layers: one(symlink('l', '')), expected: INVALID },
  { name: 'a link of 5000 bytes', layers: one(symlink('l', 'x'.repeat(5000))), expected: INVALID },
  {
    name: 'a NUL in a link',
    layers: one({ name: 'l', type: 'symlink', pax: { linkpath: Buffer.from('a\0b') } }),
    expected: INVALID,
  },
  {
    name: 'a link whose text is not UTF-8 stays',
    layers: one(symlink('l', Buffer.from([0xff, 0x2f, 0x80]))),
    expected: ['symlink l -> \u00ff/\u0080'],
  },

  // Hard links.
  {
    name: 'a hard link to a file outside',
    layers: (outside) => [tar([hardlink('h', `${outside}/file`)])],
    expected: INVALID,
  },
  { name: 'a hard link with ..', layers: one(hardlink('h', '../outside/file')), expected: INVALID },
  {
    name: 'a hard link through a link',
    layers: (outside) => [tar([symlink('l', outside), hardlink('h', 'l/file')])],
    expected: INVALID,
  },
  {
    name: 'a hard link to a link to a file outside, then written',
    layers: (outside) => [tar([symlink('s', `${outside}/file`), hardlink('h', 's')]), tar([file('h', 'x')])],
    expected: (outside) => ['file h: x', `symlink s -> ${outside}/file`],
  },
  { name: 'a hard link to a directory', layers: one(dir('d'), hardlink('h', 'd')), expected: INVALID },
  { name: 'a hard link to the root', layers: one(hardlink('h', '.')), expected: INVALID },
  { name: 'a hard link to itself', layers: one(file('f'), hardlink('f', 'f')), expected: INVALID },
  { name: 'a hard link to nothing', layers: one(hardlink('h', 'later'), file('later')), expected: INVALID },
  {
    name: 'a hard link in the place of the directory that holds its target',
    layers: one(dir('d'), file('d/f', 'x'), hardlink('d', 'd/f')),
    expected: INVALID,
  },
  {
    name: 'a hard link to what a later layer changes',
    layers: () => [tar([file('a', 'old')]), tar([hardlink('b', 'a')]), tar([file('a', 'new')]), tar([file('.wh.b')])],
    expected: ['file a: new'],
  },
  {
    name: 'a hard link with a size and no content',
    layers: one(file('f', 'x'), { name: 'h', type: 'hardlink', linkname: 'f', size: 1 }),
    expected: ['file f: x', 'file h = f'],
  },

  // Whiteouts.
  { name: 'a whiteout of ..', layers: () => [GOOD, tar([file('.wh...')])], expected: 'E_UNSAFE' },
  { name: 'a whiteout of .. below', layers: () => [GOOD, tar([dir('d'), file('d/.wh...')])], expected: 'E_UNSAFE' },
  { name: 'a whiteout of .', layers: () => [GOOD, tar([file('.wh..')])], expected: 'E_UNSAFE' },
  { name: 'a whiteout of nothing', layers: () => [GOOD, tar([file('.wh.')])], expected: 'E_UNSAFE' },
  {
    name: 'a whiteout outside the root',
    layers: () => [GOOD, tar([file('../../.wh.outside'), file('../.wh.good')])],
    expected: [],
  },
  {
    name: 'a whiteout through a link',
    layers: (outside) => [tar([symlink('l', outside)]), tar([file('l/.wh.file')])],
    expected: (outside) => [...parents(outside), `symlink l -> ${outside}`].sort(byPath),
  },
  {
    name: 'a whiteout of a link',
    layers: () => [tar([dir('d'), file('d/f', 'x'), symlink('l', 'd')]), tar([file('.wh.l')])],
    expected: ['dir d', 'file d/f: x'],
  },
  {
    name: 'an opaque root',
    layers: () => [tar([dir('d'), file('d/f'), file('g')]), tar([file('new', 'x'), file('.wh..wh..opq')])],
    expected: ['file new: x'],
  },
  {
    name: 'opaque through a link to the root',
    layers: () => [tar([dir('d'), symlink('l', '/')]), tar([file('l/.wh..wh..opq')])],
    expected: [],
  },
  {
    name: 'opaque through a link out of the root',
    layers: () => [tar([file('f', 'x'), symlink('l', '../..')]), tar([file('l/.wh..wh..opq')])],
    expected: [],
  },
  {
    name: 'a whiteout of what the same layer wrote',
    layers: one(file('f', 'x'), file('.wh.f')),
    expected: [],
  },
  {
    name: 'a whiteout of a directory it lies in',
    layers: () => [tar([dir('d'), file('d/f')]), tar([file('d/new', 'x'), file('.wh.d'), file('d/again', 'x')])],
    expected: ['dir d', 'file d/again: x'],
  },
  {
    name: 'a whiteout with content, and one that is a directory',
    layers: () => [tar([file('f'), file('g')]), tar([file('.wh.f', 'content'), dir('.wh.g'), file('h', 'x')])],
    expected: ['file h: x'],
  },
  {
    name: 'what aufs keeps for itself',
    layers: one(dir('.wh..wh.plnk'), file('.wh..wh.plnk/1.2', 'x'), file('.wh..wh.aufs', 'x'), file('f', 'x')),
    expected: ['file f: x'],
  },

  // Devices.
  {
    name: 'devices',
    layers: one(device('null'), { name: 'disk', type: 'block', devmajor: 8, devminor: 0 }, file('f', 'x')),
    expected: ['block disk 8:0', 'file f: x', 'char null 1:3'],
    asUser: ['file f: x'],
    userLosses: ['device'],
  },
  { name: 'a file replaces a device', layers: one(device('d'), file('d', 'x')), expected: ['file d: x'] },
  {
    name: 'a hard link to a device, then written',
    layers: () => [tar([device('d'), hardlink('e', 'd')]), tar([file('e', 'x')])],
    expected: ['char d 1:3', 'file e: x'],
    asUser: ['file e: x'],
  },
  { name: 'a file below a device', layers: one(device('d'), file('d/x')), expected: INVALID },
  {
    name: 'a device number out of range',
    layers: one({ name: 'd', type: 'char', devmajor: 2 ** 40, devminor: 0 }),
    expected: INVALID,
  },
  {
    name: 'a file in the place of a fifo',
    layers: one({ name: 'p', type: 'fifo' }, file('p', 'x')),
    expected: ['file p: x'],
  },

  // Headers.
  { name: 'a negative size', layers: one(file('f', '', { size: -1 })), expected: INVALID },
  { name: 'a very negative size', layers: one(file('f', '', { size: -(2 ** 53) })), expected: INVALID },
  {
    name: 'a size beyond 64 bits',
    layers: one(file('f', '', { raw: (header) => header.fill(0xff, 125, 136).fill(0x80, 124, 125) })),
    expected: INVALID,
  },
  {
    name: 'a size of 8 EiB in PAX',
    layers: one({ name: 'f', pax: { size: '9223372036854775807' } }),
    expected: INVALID,
  },
  { name: 'a negative size in PAX', layers: one({ name: 'f', pax: { size: '-512' } }), expected: INVALID },
  { name: 'a size that is no number', layers: one({ name: 'f', pax: { size: '12x' } }), expected: INVALID },
  {
    name: 'a size that is no octal number',
    layers: one(file('f', '', { raw: (header) => header.write('9999', 124, 'latin1') })),
    expected: INVALID,
  },
  { name: 'a file longer than the archive', layers: one(file('f', 'x', { size: 100_000 })), expected: INVALID },
  {
    name: 'a size beyond the limit, and no content',
    layers: one(file('f', '', { size: 2 ** 40 })),
    limits: { maxBytes: 1 << 20 },
    expected: 'E_LIMIT',
  },
  {
    name: 'a wrong checksum',
    layers: one(file('f', 'x', { rawAfter: (header) => header.write('g', 0) })),
    expected: INVALID,
  },
  {
    name: 'a checksum that is no number',
    layers: one(file('f', 'x', { rawAfter: (header) => header.write('zzzzzz', 148) })),
    expected: INVALID,
  },
  { name: 'half a header', layers: raw(tarEntry(file('f', 'x')), Buffer.alloc(300, 1)), expected: INVALID },
  {
    name: 'text instead of an archive',
    layers: raw(Buffer.from('<html>not found</html>\n'.repeat(50))),
    expected: INVALID,
  },
  {
    name: 'content that is cut short',
    layers: raw(tarEntry(file('f', 'x'.repeat(1000))).subarray(0, 700)),
    expected: INVALID,
  },
  { name: 'an archive without an end', layers: raw(tarEntry(file('f', 'x'))), expected: ['file f: x'] },
  { name: 'no byte at all', layers: raw(), expected: [] },
  { name: 'nothing but its end', layers: raw(END), expected: [] },
  {
    name: 'garbage behind the end',
    layers: raw(tar([file('f', 'x')]), Buffer.alloc(2048, 'garbage ')),
    expected: ['file f: x'],
  },
  {
    name: 'an archive hidden behind the end',
    layers: raw(tar([file('f', 'x')]), tar([file('hidden', 'x')])),
    expected: ['file f: x'],
  },
  { name: 'an unknown type', layers: one(file('f', 'x', { typeflag: 'Z' })), expected: INVALID },
  { name: 'a mode of many bits', layers: one(file('f', 'x', { mode: 0o7777777 & ~0o7000 })), expected: ['file f: x'] },
  { name: 'an owner beyond 32 bits', layers: one({ name: 'f', pax: { uid: '4294967296' } }), expected: INVALID },
  { name: 'a negative owner', layers: one({ name: 'f', pax: { uid: '-1' } }), expected: INVALID },
  { name: 'the owner that means none', layers: one(file('f', '', { uid: 2 ** 32 - 1 })), expected: INVALID },
  { name: 'the year 30000', layers: one({ name: 'f', pax: { mtime: '884541600000.5' } }), expected: ['file f'] },
  { name: 'the year -30000', layers: one({ name: 'f', pax: { mtime: '-1008877680000.5' } }), expected: ['file f'] },
  { name: 'a time beyond all years', layers: one({ name: 'f', pax: { mtime: '999999999999999' } }), expected: INVALID },
  {
    name: 'a time before all years',
    layers: one({ name: 'f', pax: { mtime: '-999999999999999' } }),
    expected: INVALID,
  },
  { name: 'a time that is no number', layers: one({ name: 'f', pax: { mtime: 'now' } }), expected: INVALID },
  {
    name: 'a name that fills its field',
    layers: one(file('n'.repeat(100), 'x')),
    expected: [`file ${'n'.repeat(100)}: x`],
  },

  // PAX and GNU extensions.
  {
    name: 'a PAX record longer than its header',
    layers: raw(pax(Buffer.from('999 path=x\n')), tarEntry(file('f')), END),
    expected: INVALID,
  },
  {
    name: 'a PAX record of length 0',
    layers: raw(pax(Buffer.from('0 path=x\n')), tarEntry(file('f')), END),
    expected: INVALID,
  },
  {
    name: 'a PAX record without an end',
    layers: raw(pax(Buffer.from('9 path=xx')), tarEntry(file('f')), END),
    expected: INVALID,
  },
  {
    name: 'a PAX record that overflows',
    layers: raw(pax(Buffer.from('99999999999999999999 path=x\n')), tarEntry(file('f')), END),
    expected: INVALID,
  },
  {
    name: 'a PAX header of 1 GiB',
    layers: raw(extension('x', 2 ** 30), Buffer.alloc(1 << 20)),
    expected: INVALID,
  },
  {
    name: 'a PAX header of a negative size',
    layers: raw(extension('x', -1), tarEntry(file('f')), END),
    expected: INVALID,
  },
  { name: 'a PAX header and nothing after it', layers: raw(paxHeader('x', [['path', 'x']])), expected: INVALID },
  {
    name: 'ten thousand PAX headers in a row',
    layers: raw(
      ...Array.from({ length: 10_000 }, () => paxHeader('x', [['comment', 'x'.repeat(400)]])),
      tarEntry(file('f')),
      END,
    ),
    expected: INVALID,
  },
  { name: 'a name of 1 MiB in PAX', layers: one({ name: 'x', pax: { path: long } }), expected: INVALID },
  { name: 'a name of 1 MiB from GNU', layers: one(file(long, '', { long: 'gnu' })), expected: INVALID },
  {
    name: 'a GNU name of 1 GiB',
    layers: raw(extension('L', 2 ** 30), Buffer.alloc(1 << 20, 'n')),
    expected: INVALID,
  },
  {
    name: 'a name of 1 MiB with many components',
    layers: one({ name: 'x', pax: { path: 'd/'.repeat(1 << 19) } }),
    expected: INVALID,
  },
  { name: 'a component of 256 bytes', layers: one(file('n'.repeat(256), '')), expected: INVALID },
  {
    name: 'a global header with a name for all',
    layers: raw(paxHeader('g', [['path', '../../all']]), tarEntry(file('f', 'x')), tarEntry(file('g', 'x')), END),
    expected: ['file f: x', 'file g: x'],
  },
  {
    name: 'a global header with a size for all',
    layers: raw(paxHeader('g', [['size', '99999']]), tarEntry(file('f', 'x')), END),
    expected: ['file f: x'],
  },
  {
    name: 'an attribute of 1 MiB',
    layers: one({ name: 'f', content: 'x', xattrs: { 'user.big': 'v'.repeat(1 << 20) } }),
    expected: INVALID,
  },

  // Sparse files.
  {
    name: 'a sparse map out of order',
    layers: one({
      name: 'f',
      content: 'aabb',
      sparse: {
        format: '1.0',
        realSize: 100,
        map: [
          [50, 2],
          [0, 2],
        ],
      },
    }),
    expected: INVALID,
  },
  {
    name: 'a sparse map that overlaps',
    layers: one({
      name: 'f',
      content: 'aabb',
      sparse: {
        format: '0.1',
        realSize: 100,
        map: [
          [0, 2],
          [1, 2],
        ],
      },
    }),
    expected: INVALID,
  },
  {
    name: 'a sparse map beyond the file',
    layers: one({ name: 'f', content: 'aa', sparse: { format: 'gnu', realSize: 1, map: [[0, 2]] } }),
    expected: INVALID,
  },
  {
    name: 'a sparse map of more than is there',
    layers: one({ name: 'f', content: 'aa', sparse: { format: '1.0', realSize: 5000, map: [[0, 4000]] } }),
    expected: INVALID,
  },
  {
    name: 'a sparse file of 1 PiB',
    layers: one({ name: 'f', content: 'a', sparse: { format: '1.0', realSize: 2 ** 50, map: [[0, 1]] } }),
    expected: 'E_LIMIT',
  },
  {
    name: 'a sparse file of a negative size',
    layers: one({ name: 'f', content: 'a', sparse: { format: '1.0', realSize: -5, map: [[0, 1]] } }),
    expected: INVALID,
  },
  {
    name: 'a sparse map with more numbers than it says',
    layers: one({
      name: 'f',
      content: '99999999\n0\n1\n',
      pax: { 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.name': 'f', 'GNU.sparse.realsize': '10' },
    }),
    expected: INVALID,
  },
  {
    name: 'a sparse name that leaves the root',
    layers: one({
      name: 'f',
      content: 'x',
      sparse: { format: '0.1', realSize: 1, map: [[0, 1]] },
      pax: { 'GNU.sparse.name': '../../outside/file' },
    }),
    expected: ['dir outside', 'file outside/file: x'],
  },

  // Compression.
  { name: 'gzip cut short', layers: () => [{ blob: gzip(GOOD).subarray(0, -12), archive: GOOD }], expected: INVALID },
  {
    name: 'gzip without its last byte',
    layers: () => [{ blob: gzip(GOOD).subarray(0, -1), archive: GOOD }],
    expected: INVALID,
  },
  { name: 'gzip with a wrong check', layers: () => [{ blob: flip(gzip(GOOD), -8), archive: GOOD }], expected: INVALID },
  { name: 'gzip that is damaged', layers: () => [{ blob: flip(gzip(GOOD), 14), archive: GOOD }], expected: INVALID },
  {
    name: 'the first bytes of gzip alone',
    layers: () => [{ blob: gzip(GOOD).subarray(0, 3), archive: GOOD }],
    expected: INVALID,
  },
  {
    name: 'gzip in two members',
    layers: () => [{ blob: Buffer.concat([gzip(GOOD.subarray(0, 700)), gzip(GOOD.subarray(700))]), archive: GOOD }],
    expected: ['file good: x'],
  },
  {
    name: 'gzip and garbage behind it',
    layers: () => [{ blob: Buffer.concat([gzip(GOOD), Buffer.from('garbage')]), archive: GOOD }],
    expected: INVALID,
  },
  { name: 'gzip in gzip', layers: () => [{ blob: gzip(gzip(GOOD)), archive: gzip(GOOD) }], expected: INVALID },
  { name: 'zstd cut short', layers: () => [{ blob: zstdRaw(GOOD).subarray(0, -9), archive: GOOD }], expected: INVALID },
  {
    name: 'the first bytes of zstd alone',
    layers: () => [{ blob: zstdRaw(GOOD).subarray(0, 6), archive: GOOD }],
    expected: INVALID,
  },
  {
    name: 'zstd with a reserved block',
    layers: () => [{ blob: flip(zstdRaw(GOOD), 13, 6), archive: GOOD }],
    expected: INVALID,
  },
  {
    name: 'zstd in two frames',
    layers: () => [
      { blob: Buffer.concat([zstdRaw(GOOD.subarray(0, 700)), zstdRaw(GOOD.subarray(700))]), archive: GOOD },
    ],
    expected: ['file good: x'],
  },
  {
    name: 'zstd and garbage behind it',
    layers: () => [{ blob: Buffer.concat([zstdRaw(GOOD), Buffer.from('garbage, quite a lot of it')]), archive: GOOD }],
    expected: INVALID,
  },
  { name: 'a bomb of gzip', layers: () => [gzipBomb(256 << 20)], expected: 'E_LIMIT', limits: { maxBytes: 2 ** 40 } },
  { name: 'a bomb of zstd', layers: () => [zstdBomb(256 << 20)], expected: 'E_LIMIT', limits: { maxBytes: 2 ** 40 } },
  {
    name: 'a bomb of gzip behind the end of the archive',
    layers: () => [gzipBomb(256 << 20, END)],
    expected: 'E_LIMIT',
  },
  {
    name: 'more bytes than allowed',
    layers: one(file('a', 'x'.repeat(600)), file('b', 'x'.repeat(600))),
    limits: { maxBytes: 1000 },
    expected: 'E_LIMIT',
  },
  {
    name: 'more bytes than allowed, in many layers that replace one file',
    layers: () => Array.from({ length: 5 }, (_, i) => tar([file('a', String(i).repeat(300))])),
    limits: { maxBytes: 1000 },
    expected: 'E_LIMIT',
  },
  {
    name: 'more files than allowed',
    layers: one(...Array.from({ length: 30 }, (_, i) => file(`f${i}`))),
    limits: { maxFiles: 20 },
    expected: 'E_LIMIT',
  },
  {
    name: 'more directories than allowed, by one name',
    layers: one(file(`${'d/'.repeat(30)}f`)),
    limits: { maxFiles: 20 },
    expected: 'E_LIMIT',
  },
  {
    name: 'another archive than the image says',
    layers: () => [{ blob: gzip(GOOD), archive: END }],
    expected: 'E_DIFF_ID_MISMATCH',
  },

  // Names that collide, or are meant for other eyes.
  {
    name: 'names that differ in case',
    layers: one(file('A', '1'), file('a', '2')),
    expected: ['file A: 1', 'file a: 2'],
  },
  {
    name: 'names that differ in normalisation',
    layers: one(file('\u00e9', '1'), file('e\u0301', '2')),
    expected: [`file ${latin1('e\u0301')}: 2`, `file ${latin1('\u00e9')}: 1`],
  },
  {
    name: 'an escape sequence in a name that fails',
    layers: one(file('\u001b]0;owned\u0007', 'x'), file('\u001b]0;owned\u0007/below', 'x')),
    expected: INVALID,
    message: '\\x1b]0;owned\\x07',
  },
  {
    name: 'an escape sequence in a hard link that fails',
    layers: one(hardlink('h', '\u001b[2J\u009b31m')),
    expected: INVALID,
    message: '\\x1b[2J',
  },
  {
    name: 'an escape sequence in the key of a PAX record that fails',
    layers: one({ name: 'f', pax: { '\u009b31m\u001b[2J\0': 'x' } }),
    expected: INVALID,
  },
  {
    name: 'an escape sequence in a whiteout that fails',
    layers: one(dir('\u001b[2J'), file('\u001b[2J/.wh...')),
    expected: 'E_UNSAFE',
  },
  {
    name: 'newlines and bytes that are no text',
    layers: one(file('a\nb', 'x'), file(Buffer.from([0xff, 0xfe]), 'x')),
    expected: ['file a\nb: x', 'file \u00ff\u00fe: x'],
  },
  {
    name: 'a name two hundred times',
    layers: one(...Array.from({ length: 200 }, (_, i) => file('f', String(i)))),
    expected: ['file f: 199'],
  },
  { name: 'a file below a file', layers: one(file('f', 'x'), file('f/x', 'x')), expected: INVALID },
  {
    name: 'directories without any right, and files in them',
    layers: () => [
      tar([dir('d', { mode: 0o000 }), dir('d/e', { mode: 0o555 }), file('d/e/f', 'x', { mode: 0o000 })]),
      tar([file('d/e/g', 'y'), file('d/e/.wh.f')]),
    ],
    expected: ['dir d', 'dir d/e', 'file d/e/g: y'],
  },
  {
    name: 'a program that runs as its owner',
    layers: one(file('su', 'x', { mode: 0o4755 })),
    expected: ['file su: x (4755)'],
    asUser: ['file su: x'],
    userLosses: ['owner', 'setuid'],
  },
  {
    name: 'two thousand directories in each other',
    layers: one(...Array.from({ length: 2000 }, (_, i) => dir('d/'.repeat(i + 1), { long: 'gnu' }))),
    expected: INVALID,
  },
];

/** The directories on the way to an absolute path, as lines of a tree. */
function parents(path: string): string[] {
  const parts = path.slice(1).split('/');
  return parts.map((_, i) => `dir ${parts.slice(0, i + 1).join('/')}`);
}

function byPath(a: string, b: string): number {
  const key = (line: string): string => line.split(' ')[1]!;
  return key(a) < key(b) ? -1 : 1;
}

function latin1(text: string): string {
  return Buffer.from(text).toString('latin1');
}

function pax(body: Buffer): Buffer {
  const header = paxHeader('x', []);
  octal(header, 124, 12, body.length);
  checksum(header);
  return Buffer.concat([header, padded(body)]);
}

/** The header of an extension whose content is elsewhere. */
function extension(type: 'x' | 'L', size: number): Buffer {
  const header = paxHeader('x', []);
  header.write(type, 156, 'latin1');
  octal(header, 124, 12, size);
  checksum(header);
  return header;
}

function flip(bytes: Buffer, at: number, mask = 0xff): Buffer {
  const copy = Buffer.from(bytes);
  const index = at < 0 ? copy.length + at : at;
  copy[index] = copy[index]! ^ mask;
  return copy;
}

/** A file of zeros, or with `before` zeros behind an archive; the diff ID does not matter, nobody gets that far. */
function gzipBomb(size: number, before?: Buffer): HostileBlob {
  const start = before ?? tarEntry(file('bomb', '', { size }));
  // Members of 16 MiB of zeros each: quickly made.
  const zeros = gzipSync(Buffer.alloc(16 << 20), { level: 9 });
  return { blob: Buffer.concat([gzip(start), ...Array.from({ length: size >> 24 }, () => zeros)]), archive: GOOD };
}

/** Blocks of one byte repeated (RFC 8878, 3.1.1.2.2: RLE). */
function zstdBomb(size: number): HostileBlob {
  const start = tarEntry(file('bomb', '', { size }));
  const head = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58]);
  const block = 128 << 10;
  const count = Math.floor(size / block);
  const blocks = Buffer.alloc(count * 4);
  for (let i = 0; i < count; i++) blocks.writeUIntLE((block << 3) | 2 | (i === count - 1 ? 1 : 0), i * 4, 3);
  return { blob: Buffer.concat([zstdRaw(start), head, blocks]), archive: GOOD };
}
