/** A short form of `test/soak/generated-builds.test.ts`. */
import { randomInt } from 'node:crypto';
import { it } from 'vitest';
import { keysFollowMeaning } from '../support/generated-property.ts';
import { TestRegistry } from '../support/registry.ts';

it('the key of a generated build changes exactly when what the build does changes', async () => {
  const registry = await TestRegistry.start();
  const seed = randomInt(2 ** 31);
  console.info(`seed of the generated builds: ${seed}`);
  try {
    await keysFollowMeaning(registry, { numRuns: 100, seed });
  } finally {
    await registry.stop();
  }
});
