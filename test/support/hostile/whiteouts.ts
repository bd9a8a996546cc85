/** Whiteouts that would remove more than their layer may. */
import { tar } from '../tar-builder.ts';
import { byPath, dir, file, GOOD, type HostileCase, one, parents, symlink } from './case.ts';

export const WHITEOUTS: readonly HostileCase[] = [
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
];
