/** Devices and fifos, and what comes in their place. */
import { tar } from '../tar-builder.ts';
import { device, file, type HostileCase, hardlink, INVALID, one } from './case.ts';

export const DEVICES: readonly HostileCase[] = [
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
];
