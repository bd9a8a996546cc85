import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { PruneReport } from '../../src/contract/store.ts';
import { cliHome, ctxsrc } from '../support/cli.ts';
import { crowdRounds, killRounds, serve } from './rounds.ts';

// `npm run soak` has the long version.
describe('the program', () => {
  it('keeps what a snapshot brought while its name stands for it', { timeout: 60_000 }, async () => {
    const { registry, reference } = await serve();
    const home = cliHome();
    try {
      const run = async (...args: string[]): Promise<string> => {
        const { code, stdout, stderr } = await ctxsrc([...args, '-q'], { home });
        expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
        return stdout;
      };
      for (const target of ['one', 'two', 'three']) await run('snapshot', reference, join(home, target));
      expect(await run('cache', 'prune', '--json')).toContain('"removed":[]');
      registry.log.length = 0;
      await run('snapshot', reference, join(home, 'four'));
      expect(registry.count('GET', /\/blobs\//)).toBe(0);
      const pruned = JSON.parse(await run('cache', 'prune', '--all', '--json')) as PruneReport;
      expect(pruned.kept.map(({ kind }) => kind)).toEqual(['store']);
    } finally {
      await registry.stop();
    }
  });

  it('can be killed at any moment', { timeout: 120_000 }, async () => {
    const seed = process.env.CTXSRC_SOAK_SEED ?? String(Date.now());
    console.info(`seed ${seed}`);
    await killRounds(3, seed);
  });

  it('shares downloads between processes', { timeout: 120_000 }, async () => {
    await crowdRounds(1, 4);
  });
});
