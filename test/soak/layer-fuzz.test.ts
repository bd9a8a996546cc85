/** The long run of the layer fuzzer: CTXSRC_SOAK_ROUNDS cases (10,000 unless given), CTXSRC_SOAK_SEED to repeat one. */
import { expect, test } from 'vitest';
import { fuzzLayers } from '../support/layer-fuzz.ts';
import { tempDir } from '../support/temp.ts';

test('random layers become what the model says', { timeout: 3_600_000 }, () => {
  const rounds = Number(process.env.CTXSRC_SOAK_ROUNDS ?? 10_000);
  const seed = Number(process.env.CTXSRC_SOAK_SEED ?? Date.now() % 2 ** 31);
  console.info(`seed of the layer fuzzer: ${seed}, ${rounds} cases`);
  expect(fuzzLayers(tempDir('fuzz'), rounds, seed)).toBeUndefined();
});
