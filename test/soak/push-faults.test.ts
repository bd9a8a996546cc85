/** Thirty rounds of a push under random faults: what arrives is right, or nothing is there. */
import { it } from 'vitest';
import { pushUnderFaults } from '../support/push-rounds.ts';

const ROUNDS = Math.ceil((Number(process.env.CTXSRC_SOAK_ROUNDS ?? 200) * 30) / 200);
const SEED = process.env.CTXSRC_SOAK_SEED ?? String(Date.now());

for (let round = 1; round <= ROUNDS; round += 1) {
  it(`seed ${SEED}, round ${round} of ${ROUNDS}`, { timeout: 300_000 }, () => pushUnderFaults(`${SEED} ${round}`));
}
