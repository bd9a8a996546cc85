/** Rounds of the built program against one store: killed at random moments, and many at once. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { openStore } from '../../src/store/store.ts';
import { cliEnv, cliHome, cliPath, ctxsrc } from '../support/cli.ts';
import { LayoutBuilder } from '../support/layout-builder.ts';
import { TestRegistry } from '../support/registry.ts';
import { tar } from '../support/tar-builder.ts';
import { tempDir } from '../support/temp.ts';
import { treeText } from '../support/tree.ts';
import { testJob } from './job.ts';

/** Numbers between 0 and 1 that follow from a seed. */
export function randomFrom(seed: string): () => number {
  let state = createHash('sha256').update(seed).digest();
  return () => {
    state = createHash('sha256').update(state).digest();
    return state.readUInt32LE(0) / 0x1_0000_0000;
  };
}

/** An image of three layers with some hundred files, in a registry. */
export async function serve(): Promise<{ registry: TestRegistry; reference: string; blobs: readonly string[] }> {
  const random = randomFrom('content');
  const registry = await TestRegistry.start();
  const layout = new LayoutBuilder();
  const layers = [0, 1, 2].map((number) => {
    const files = Array.from({ length: 150 }, (_, i) => ({
      name: `layer${number}/f${i}`,
      content: Buffer.alloc(1000 + Math.floor(random() * 20_000), i + 1),
    }));
    const shared = { name: 'shared', content: `of layer ${number}` };
    const link = { name: `layer${number}/link`, type: 'hardlink' as const, linkname: `layer${number}/f1` };
    return layout.layer(tar([{ name: `layer${number}/`, type: 'dir' }, ...files, link, shared]));
  });
  const root = layout.image({ layers });
  registry.push(layout, 'test/image', 'v1', root);
  return {
    registry,
    reference: `docker-image://${registry.host}/test/image:v1`,
    blobs: layers.map(({ descriptor }) => descriptor.digest),
  };
}

/** The tree as the first, undisturbed run writes it, and how long that takes. */
async function undisturbed(reference: string): Promise<{ tree: string; ms: number }> {
  const home = cliHome();
  const target = join(home, 'first');
  const { code, stderr, ms } = await ctxsrc(['snapshot', reference, target, '-q'], { home });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return { tree: treeText(target), ms };
}

/**
 * Kills `pull` and `snapshot` at random moments. After each kill nothing in the store is wrong, the next run succeeds with
 * the right files, and nothing that a dead process left is there.
 */
export async function killRounds(rounds: number, seed: string): Promise<void> {
  const { registry, reference } = await serve();
  try {
    const random = randomFrom(seed);
    const { tree, ms } = await undisturbed(reference);
    let home = cliHome();
    for (let round = 0; round < rounds; round += 1) {
      const what = `seed ${seed}, round ${round + 1}`;
      // Some rounds find a store that earlier ones have filled.
      if (random() < 0.6) home = cliHome();
      const cache = join(home, 'cache/ctxsrc');
      const base = tempDir('round');
      const target = join(base, 'target');
      const args = random() < 0.3 ? ['pull', reference] : ['snapshot', reference, target];
      const child = spawn(process.execPath, [cliPath(), ...args, '-q'], { env: cliEnv(home), stdio: 'ignore' });
      const timer = setTimeout(() => child.kill('SIGKILL'), 40 + random() * ms * 1.2);
      await new Promise((resolve) => child.on('close', resolve));
      clearTimeout(timer);

      const verified = await (await openStore({ root: cache })).verify(testJob());
      expect(verified.problems, what).toEqual([]);
      if (existsSync(target)) expect(treeText(target), what).toBe(tree);
      const { code, stderr } = await ctxsrc(['snapshot', reference, target, '-q'], { home });
      expect({ code, stderr }, what).toEqual({ code: 0, stderr: '' });
      expect(treeText(target), what).toBe(tree);
      expect(readdirSync(base).sort(), what).toEqual(['target', 'target.ctxsrc.json']);
      for (const name of ['ingest', 'leases', 'locks', 'tmp']) {
        expect(readdirSync(join(cache, name)), `${what}: ${name}`).toEqual([]);
      }
      rmSync(base, { recursive: true });
    }
  } finally {
    await registry.stop();
  }
}

/** Many processes at once, each round with a new store: every blob is asked for once, every tree is right. */
export async function crowdRounds(rounds: number, processes: number): Promise<void> {
  const { registry, reference, blobs } = await serve();
  try {
    const { tree } = await undisturbed(reference);
    for (let round = 0; round < rounds; round += 1) {
      const home = cliHome();
      const base = join(home, 'targets');
      mkdirSync(base);
      registry.log.length = 0;
      const targets = Array.from({ length: processes }, (_, i) => join(base, String(i)));
      const results = await Promise.all(
        targets.map((target) => ctxsrc(['snapshot', reference, target, '-q'], { home, timeout: 300_000 })),
      );
      expect(results.map(({ code, stderr }) => ({ code, stderr }))).toEqual(
        targets.map(() => ({ code: 0, stderr: '' })),
      );
      for (const target of targets) expect(treeText(target)).toBe(tree);
      for (const digest of blobs) expect(registry.count('GET', new RegExp(`/blobs/${digest}$`)), digest).toBe(1);
      const { problems } = await (await openStore({ root: join(home, 'cache/ctxsrc') })).verify(testJob());
      expect(problems).toEqual([]);
      rmSync(home, { recursive: true });
    }
  } finally {
    await registry.stop();
  }
}
