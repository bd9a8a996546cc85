/** The long run of the layer fuzzer: CTXSRC_SOAK_ROUNDS cases (10,000 unless given), CTXSRC_SOAK_SEED to repeat one. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { bundle } from '../support/bundle.ts';
import { fuzzLayers } from '../support/layer-fuzz.ts';
import { LAYER_MUTATIONS } from '../support/layer-mutations.ts';
import { tempDir } from '../support/temp.ts';

test('random layers become what the model says', { timeout: 3_600_000 }, () => {
  const rounds = Number(process.env.CTXSRC_SOAK_ROUNDS ?? 10_000);
  const seed = Number(process.env.CTXSRC_SOAK_SEED ?? Date.now() % 2 ** 31);
  console.info(`seed of the layer fuzzer: ${seed}, ${rounds} cases`);
  expect(fuzzLayers(tempDir('fuzz'), rounds, seed)).toBeUndefined();
});

test.each(LAYER_MUTATIONS)('it notices that $what', async ({ what: _, ...mutation }) => {
  const program = await bundle('test/support/layer-fuzz-program.ts', { native: true, mutation });
  const args = [program, tempDir('mutant'), '3000', '7'];
  const error = await promisify(execFile)(process.execPath, args).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 1, stdout: expect.stringContaining('seed 7, run ') });
});
