import { describe, it } from 'vitest';
import { crowdRounds, killRounds } from './rounds.ts';

// `npm run soak` has the long version.
describe('the program', () => {
  it('can be killed at any moment', { timeout: 120_000 }, async () => {
    const seed = process.env.CTXSRC_SOAK_SEED ?? String(Date.now());
    console.info(`seed ${seed}`);
    await killRounds(3, seed);
  });

  it('shares downloads between processes', { timeout: 120_000 }, async () => {
    await crowdRounds(1, 4);
  });
});
