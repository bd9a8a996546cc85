import { defineConfig } from 'vitest/config';

/** Long rounds: fuzzing, kills, many at once. `CTXSRC_SOAK_ROUNDS` says how many; a failing round prints its seed. */
export default defineConfig({
  test: {
    include: ['test/soak/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    setupFiles: ['test/support/setup.ts'],
    testTimeout: 3_600_000,
    hookTimeout: 120_000,
    pool: 'forks',
    fileParallelism: false,
    passWithNoTests: true,
  },
});
