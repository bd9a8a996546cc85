/** Eight processes push into one layout and are killed on the way: eight names in a valid index, each blob whole. */
import { test } from 'vitest';
import { pushAtOnce } from '../support/push-rounds.ts';

const ROUNDS = Math.ceil(Number(process.env.CTXSRC_SOAK_ROUNDS ?? 200) / 20);

test('eight processes, killed at random', { timeout: 3_600_000 }, async () => {
  const seed = process.env.CTXSRC_SOAK_SEED ?? String(Date.now());
  console.info(`${ROUNDS} rounds, seed ${seed}`);
  for (let round = 1; round <= ROUNDS; round += 1) await pushAtOnce(`${seed} ${round}`);
});
