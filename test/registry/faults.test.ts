import { describe, it } from 'vitest';
import { ROWS, runCase, TARGETS } from '../support/fault-matrix.ts';

describe.concurrent('a pull, with one kind of its requests spoilt', () => {
  for (const row of ROWS) {
    for (const target of TARGETS) {
      it(`${target}: ${row.name}`, () => runCase(row, target));
    }
  }
});
