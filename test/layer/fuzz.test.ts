/** Random layers against the model in memory, and the proof that the model would notice a wrong applier. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { bundle } from '../support/bundle.ts';
import { fuzzLayers } from '../support/layer-fuzz.ts';
import { LAYER_MUTATIONS } from '../support/layer-mutations.ts';
import { tempDir } from '../support/temp.ts';

const run = promisify(execFile);

test('random layers become what the model says', () => {
  const seed = Date.now() % 2 ** 31;
  console.info(`seed of the layer fuzzer: ${seed}`);
  expect(fuzzLayers(tempDir('fuzz'), 120, seed)).toBeUndefined();
});

describe('an applier with a mistake in it is caught', () => {
  let scratch: string;
  beforeAll(() => {
    scratch = tempDir('mutants');
  });

  test('none: it passes', async () => {
    const program = await bundle('test/support/layer-fuzz-program.ts', { native: true });
    await expect(run(process.execPath, [program, scratch, '40', '7'])).resolves.toMatchObject({ stdout: '' });
  });

  // Some of them; the long rounds go through all.
  test.each(LAYER_MUTATIONS.slice(0, 6))('$what', async ({ what: _, ...mutation }) => {
    const program = await bundle('test/support/layer-fuzz-program.ts', { native: true, mutation });
    const error = await run(process.execPath, [program, scratch, '1500', '7']).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 1, stdout: expect.stringContaining('seed 7, run ') });
  });
});
