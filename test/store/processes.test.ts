import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { needs } from '../support/needs.ts';
import { tempDir } from '../support/temp.ts';
import { BLOBS, type ChildTask } from './child.ts';
import { buildChild, expectFiles, expectRecovery, startChild } from './processes.ts';

let script: string;
beforeAll(async () => {
  script = await buildChild();
});

function task(base = tempDir('processes'), more: Partial<ChildTask> = {}): ChildTask {
  return {
    root: join(base, 'cache'),
    target: join(base, 'target'),
    log: join(base, 'log'),
    blobSize: 300_000,
    ...more,
  };
}

describe('many processes', () => {
  it('download each blob once and unpack once, however many ask', { timeout: 120_000 }, async () => {
    const common = task(undefined, { pause: 40 });
    const children = Array.from({ length: 8 }, (_, i) =>
      startChild(script, { ...common, target: `${common.target}-${i}` }),
    );
    const ended = await Promise.all(children.map((child) => child.ended));
    expect(ended.map(({ stderr, answer }) => ({ stderr, error: answer?.error }))).toEqual(
      ended.map(() => ({ stderr: '', error: undefined })),
    );
    for (let i = 0; i < ended.length; i += 1) expectFiles(`${common.target}-${i}`, common.blobSize);
    const lines = readFileSync(common.log, 'utf8').trim().split('\n');
    expect(lines.filter((line) => line.startsWith('download')).sort()).toEqual(
      Array.from({ length: BLOBS }, (_, number) => `download ${number} 0`),
    );
    // A process that starts when the first has ended is a second request; it finds no one to wait for.
    expect(lines.filter((line) => line === 'unpack').length).toBeLessThanOrEqual(2);
  });

  it('take over from one that dies', { timeout: 60_000 }, async () => {
    const common = task(undefined, { pause: 50 });
    const first = startChild(script, common);
    await sleep(600);
    const second = startChild(script, { ...common, target: `${common.target}-2`, pause: 0 });
    await sleep(200);
    first.process.kill('SIGKILL');
    await first.ended;
    const { answer, stderr } = await second.ended;
    expect({ stderr, error: answer?.error }).toEqual({ stderr: '', error: undefined });
    expectFiles(`${common.target}-2`, common.blobSize);
  });
});

describe('a process that is killed', () => {
  it('at any step leaves a store that is right', { timeout: 180_000 }, async () => {
    const { answer } = await startChild(script, task()).ended;
    const steps = answer!.steps!;
    expect(steps).toBeGreaterThan(30);
    // The soak kills at every step; here at some, others each time the number of steps changes.
    const stride = Math.ceil(steps / 8);
    for (let killAt = 1; killAt <= steps; killAt += stride) {
      const one = task(undefined, { killAt });
      const { signal } = await startChild(script, one).ended;
      expect(signal).toBe('SIGKILL');
      await expectRecovery(script, one);
    }
  });
});

describe('what is written', () => {
  it.skipIf(!needs('strace'))(
    'is synced before it gets its name, but for blobs that can be fetched again',
    { timeout: 60_000 },
    async () => {
      const one = task();
      const trace = join(one.root, '..', 'trace');
      const calls = 'trace=fsync,fdatasync,rename,renameat,renameat2';
      const { answer } = await startChild(script, one, [
        'strace',
        '-f',
        '-y',
        '-qq',
        '-s',
        '4096',
        '-e',
        calls,
        '-o',
        trace,
      ]).ended;
      expect(answer?.error).toBeUndefined();
      const synced = new Set<string>();
      const named: string[] = [];
      for (const line of readFileSync(trace, 'utf8').split('\n')) {
        const sync = /\bf(?:data)?sync\(\d+<([^>]+)>/.exec(line);
        if (sync !== null) synced.add(sync[1]!);
        const rename = /\brename(?:at2?)?\([^"]*"([^"]+)", [^"]*"([^"]+)"/.exec(line);
        if (rename === null) continue;
        const [, from, to] = rename;
        if (!/\/blobs\/|index\.json$/.test(to!)) continue;
        named.push(to!);
        if (from!.includes('/ingest/')) continue;
        expect(synced, `${from} is renamed to ${to} unsynced`).toContain(from);
        // An index that says where blobs are must not outlive their names.
        if (to!.endsWith('index.json')) expect(synced).toContain(join(one.root, 'blobs/sha256'));
      }
      expect(named.filter((path) => path.includes('/blobs/'))).toHaveLength(BLOBS + 2);
      expect(named.filter((path) => path.endsWith('index.json')).length).toBeGreaterThanOrEqual(1);
      expect(synced).toContain(one.root);
    },
  );
});
