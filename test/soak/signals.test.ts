import { test } from 'vitest';
import { endAtRandom } from '../support/signal-rounds.ts';

const ROUNDS = Number(process.env.CTXSRC_SOAK_ROUNDS ?? 200);
const SEED = process.env.CTXSRC_SOAK_SEED ?? String(Date.now());

test('ended by signals at random', { timeout: 3_600_000 }, async () => {
  console.info(`${ROUNDS} rounds, seed ${SEED}`);
  await endAtRandom(ROUNDS, SEED);
});
