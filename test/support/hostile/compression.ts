/** Compressed layers that are damaged, end too early or grow without measure, and other ways over a limit. */
import { gzipSync } from 'node:zlib';
import { gzip, zstdRaw } from '../layout-builder.ts';
import { tar, tarEntry } from '../tar-builder.ts';
import { END, file, GOOD, type HostileBlob, type HostileCase, INVALID, one } from './case.ts';

export const COMPRESSION: readonly HostileCase[] = [
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
  {
    name: 'gzip and zeros behind it',
    layers: () => [{ blob: Buffer.concat([gzip(GOOD), Buffer.alloc(700)]), archive: GOOD }],
    expected: ['file good: x'],
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
];

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
