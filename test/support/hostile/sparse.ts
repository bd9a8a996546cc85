/** Maps of sparse files. */
import { type HostileCase, INVALID, one } from './case.ts';

export const SPARSE: readonly HostileCase[] = [
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
];
