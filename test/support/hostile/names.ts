/** Names that want to leave the root. */
import { tar } from '../tar-builder.ts';
import { dir, file, type HostileCase, INVALID, one, parents, symlink } from './case.ts';

export const NAMES: readonly HostileCase[] = [
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
];
