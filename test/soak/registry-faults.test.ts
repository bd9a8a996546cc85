/** The whole fault matrix again and again: what happens once in fifty runs happens in CI every day. */
import { describe, expect, it } from 'vitest';
import { ROWS, runCase, TARGETS } from '../support/fault-matrix.ts';

const ROUNDS = Number(process.env.CTXSRC_SOAK_ROUNDS ?? 50);
/** Cases at once: enough to fill the waiting of the stalls. */
const PARALLEL = 12;

describe('the fault matrix of the registry client', () => {
  for (let round = 1; round <= ROUNDS; round += 1) {
    it(`holds in round ${round} of ${ROUNDS}`, { timeout: 300_000 }, async () => {
      const cases = ROWS.flatMap((row) => TARGETS.map((target) => ({ row, target })));
      const failed: string[] = [];
      const worker = async (): Promise<void> => {
        for (let next = cases.shift(); next !== undefined; next = cases.shift()) {
          const { row, target } = next;
          await runCase(row, target).catch((error: unknown) => failed.push(`${target}: ${row.name}: ${error}`));
        }
      };
      await Promise.all(Array.from({ length: PARALLEL }, worker));
      expect(failed).toEqual([]);
    });
  }
});
