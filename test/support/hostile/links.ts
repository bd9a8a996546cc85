/** Symbolic and hard links that lead somewhere else, or nowhere. */
import { tar } from '../tar-builder.ts';
import { byPath, dir, file, type HostileCase, hardlink, INVALID, one, parents, symlink } from './case.ts';

export const LINKS: readonly HostileCase[] = [
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
];
