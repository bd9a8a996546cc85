/** Keys of generated builds, whose tags move in Debian's docker-registry: many rounds of `test/build/generated.test.ts`. */
import { it } from 'vitest';
import { imageServer, startDockerRegistry } from '../support/docker-registry.ts';
import { keysFollowMeaning } from '../support/generated-property.ts';
import { needs } from '../support/needs.ts';

const numRuns = Number(process.env.CTXSRC_SOAK_ROUNDS ?? 5_000);
const seed = Number(process.env.CTXSRC_SOAK_SEED ?? Date.now() % 2 ** 31);

it.skipIf(!needs('docker-registry', 'skopeo'))(
  `the key of a generated build changes exactly when what the build does changes, CTXSRC_SOAK_SEED=${seed}`,
  async () => {
    console.log(`CTXSRC_SOAK_SEED=${seed} CTXSRC_SOAK_ROUNDS=${numRuns}`);
    const registry = await startDockerRegistry();
    try {
      await keysFollowMeaning(imageServer(registry), { numRuns, seed });
    } finally {
      await registry.stop();
    }
  },
);
