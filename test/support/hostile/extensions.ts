/** Extended headers of PAX and GNU. */
import { checksum, octal, padded, paxHeader, tarEntry } from '../tar-builder.ts';
import { END, file, type HostileCase, INVALID, one, raw } from './case.ts';

const long = 'n'.repeat(1 << 20);

export const EXTENSIONS: readonly HostileCase[] = [
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
];

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
