/** Snapshots killed at random moments, again and again into one target: it always is one of them, whole, or absent. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { verifySnapshot } from '../../src/snapshot/verify/verify.ts';
import { materialize } from '../../src/snapshot/write/materialize.ts';
import { randomFrom } from '../store/rounds.ts';
import { bundle } from '../support/bundle.ts';
import { fakeJob, fakeRef, WRITE_OPTIONS } from '../support/fake-ref.ts';
import { snapshotFacts, snapshotTree } from '../support/snapshot-content.ts';
import { tempDir } from '../support/temp.ts';

const ROUNDS = Math.ceil(Number(process.env.CTXSRC_SOAK_ROUNDS ?? 200) / 10);
const SEED = process.env.CTXSRC_SOAK_SEED ?? String(Date.now());

test.each([true, false])('killed at random (exchange: %s)', { timeout: 3_600_000 }, async (native) => {
  console.info(`${ROUNDS} rounds, seed ${SEED}`);
  const random = randomFrom(SEED);
  const program = await bundle('test/support/snapshot-program.ts', { native });
  const parent = tempDir('kills');
  const target = join(parent, 'out');
  const started = performance.now();
  spawnSync(process.execPath, [program, target, 'first']);
  const whole = performance.now() - started;
  for (let round = 0; round < ROUNDS; round++) {
    const ms = String(Math.floor(random() * whole));
    spawnSync(process.execPath, [program, target, `round ${round}`, 'ms', ms]);
    const result = await materialize(fakeJob(), {
      ref: fakeRef(snapshotTree('again')),
      target,
      facts: snapshotFacts('again'),
      options: WRITE_OPTIONS,
      force: round % 2 === 0,
      strict: false,
    }).catch((error: unknown) => error);
    if (result instanceof Error) expect(result).toMatchObject({ code: 'E_TARGET_EXISTS' });
    expect(existsSync(target), `seed ${SEED}, killed after ${ms} ms`).toBe(true);
    const { differences, sidecar } = await verifySnapshot(fakeJob(), target);
    expect(differences, `seed ${SEED}, killed after ${ms} ms`).toEqual([]);
    expect(sidecar.key).toBe(`key of ${readFileSync(join(target, 'name'), 'utf8')}`);
    expect(readdirSync(parent).sort()).toEqual(['out', 'out.ctxsrc.json']);
  }
});
