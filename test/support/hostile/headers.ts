/** Headers of a tar archive that are wrong, and archives that end too early or too late. */
import { tar, tarEntry } from '../tar-builder.ts';
import { END, file, type HostileCase, INVALID, one, raw } from './case.ts';

export const HEADERS: readonly HostileCase[] = [
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
  { name: 'an owner below 32 bits', layers: one({ name: 'f', pax: { uid: '-2147483649' } }), expected: INVALID },
  { name: 'an owner of -1, which means none', layers: one({ name: 'f', pax: { uid: '-1' } }), expected: ['file f'] },
  { name: 'the same without a sign', layers: one(file('f', '', { uid: 2 ** 32 - 1 })), expected: ['file f'] },
  { name: 'an owner of -2', layers: one(file('f', '', { uid: -2 })), expected: ['file f'] },
  { name: 'the name of an archive', layers: one(file('f', '', { typeflag: 'V' })), expected: INVALID },
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
];
