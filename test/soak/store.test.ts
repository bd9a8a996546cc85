/** Kills and crowds, long. */
import { beforeAll, describe, expect, it } from 'vitest';
import { buildChild, expectRecovery, startChild } from '../store/processes.ts';
import { crowdRounds, killRounds } from '../store/rounds.ts';
import { tempDir } from '../support/temp.ts';

const ROUNDS = Number(process.env.CTXSRC_SOAK_ROUNDS ?? 200);
const CROWDS = Math.ceil(ROUNDS / 10);
const SEED = process.env.CTXSRC_SOAK_SEED ?? String(Date.now());

let script: string;
beforeAll(async () => {
  script = await buildChild();
});

describe('the store', () => {
  it('is right after a kill at every step', async () => {
    const task = () => {
      const base = tempDir('step');
      return { root: `${base}/cache`, target: `${base}/target`, log: `${base}/log`, blobSize: 300_000 };
    };
    const { answer } = await startChild(script, task()).ended;
    expect(answer?.steps).toBeGreaterThan(30);
    for (let killAt = 1; killAt <= answer!.steps!; killAt += 1) {
      const one = { ...task(), killAt };
      const { signal } = await startChild(script, one).ended;
      expect(signal, `step ${killAt}`).toBe('SIGKILL');
      await expectRecovery(script, one);
    }
  });

  it(`is right after ${ROUNDS} kills at random moments`, async () => {
    console.info(`${ROUNDS} rounds, seed ${SEED}`);
    await killRounds(ROUNDS, SEED);
  });

  it(`serves 16 processes at once, ${CROWDS} times`, async () => {
    await crowdRounds(CROWDS, 16);
  });
});
