import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/soak/**'],
    globalSetup: ['test/support/global-setup.ts'],
    setupFiles: ['test/support/setup.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Tests that are concurrent wait for answers that do not come.
    maxConcurrency: 12,
    pool: 'forks',
    // The style of the page of --html is a text like others.
    css: true,
    // One worker fewer than there are cores is Vitest's way; with two cores that is one, and most tests wait for a child.
    maxWorkers: Math.max(2, availableParallelism() - 1),
  },
});
