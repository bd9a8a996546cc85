/** Names that collide, or are meant for other eyes. */
import { tar } from '../tar-builder.ts';
import { dir, file, type HostileCase, hardlink, INVALID, one } from './case.ts';

export const COLLISIONS: readonly HostileCase[] = [
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
    userLosses: ['setuid'],
  },
  {
    name: 'two thousand directories in each other',
    layers: one(...Array.from({ length: 2000 }, (_, i) => dir('d/'.repeat(i + 1), { long: 'gnu' }))),
    expected: INVALID,
  },
];

function latin1(text: string): string {
  return Buffer.from(text).toString('latin1');
}
