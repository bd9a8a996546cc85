/** Runs that die in the middle of an exchange, and what the next run makes of it. */
import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { loadNative } from '../../../src/fs/native/native.ts';
import { verifySnapshot } from '../../../src/snapshot/verify/verify.ts';
import { materialize } from '../../../src/snapshot/write/materialize.ts';
import { bundle } from '../../support/bundle.ts';
import { fakeJob, fakeRef, WRITE_OPTIONS } from '../../support/fake-ref.ts';
import { snapshotFacts, snapshotTree } from '../../support/snapshot-content.ts';
import { tempDir } from '../../support/temp.ts';

let parent: string;
let target: string;
beforeEach(() => {
  parent = tempDir('crash');
  target = join(parent, 'out');
});

function snapshot(name: string, force = false): Promise<unknown> {
  return materialize(fakeJob(), {
    ref: fakeRef(snapshotTree(name)),
    target,
    facts: snapshotFacts(name),
    options: WRITE_OPTIONS,
    force,
    strict: false,
  });
}

/** The name of the snapshot that is there, whole, with its sidecar and nothing beside it. */
async function whatIsThere(): Promise<string> {
  const { differences, sidecar } = await verifySnapshot(fakeJob(), target);
  expect(differences).toEqual([]);
  expect(readdirSync(parent).sort()).toEqual(['out', 'out.ctxsrc.json']);
  const name = readFileSync(join(target, 'name'), 'utf8');
  expect(sidecar.key).toBe(`key of ${name}`);
  return name;
}

const ways = loadNative()?.capabilities.exchange ? ['exchange', 'aside and in'] : ['aside and in'];

describe.each(ways)('%s', (way) => {
  const native = way === 'exchange';
  let program: string;
  beforeAll(async () => {
    program = await bundle('test/support/snapshot-program.ts', { native });
  });

  // Exchange: old sidecar aside, new sidecar in. Otherwise two renames of directories in between.
  const renames = native ? 2 : 4;
  const deaths = Array.from({ length: renames }, (_, i) => [
    ['before', i + 1] as const,
    ['after', i + 1] as const,
  ]).flat();

  test.each(deaths)('killed %s rename %i: the one or the other, never none', async (when, call) => {
    await snapshot('old');
    const { signal } = spawnSync(process.execPath, [program, target, 'new', when, String(call)]);
    expect(signal).toBe('SIGKILL');
    if (native) expect(['old', 'new']).toContain(readFileSync(join(target, 'name'), 'utf8'));
    // The next run of whatever kind finds one of the two.
    await snapshot('third').then(
      () => expect.unreachable(),
      (error: unknown) => expect(error).toMatchObject({ code: 'E_TARGET_EXISTS' }),
    );
    const name = await whatIsThere();
    expect(['old', 'new']).toContain(name);
    expect(await snapshot(name)).toMatchObject({ status: 'unchanged' });
  });

  test('killed after the last rename of a first snapshot', async () => {
    const { signal } = spawnSync(process.execPath, [program, target, 'new', 'after', '2']);
    expect(signal).toBe('SIGKILL');
    expect(await snapshot('new')).toMatchObject({ status: 'unchanged' });
    expect(await whatIsThere()).toBe('new');
  });

  test('killed between tree and sidecar of a first snapshot', async () => {
    const { signal } = spawnSync(process.execPath, [program, target, 'new', 'after', '1']);
    expect(signal).toBe('SIGKILL');
    expect(existsSync(`${target}.ctxsrc.json`)).toBe(false);
    expect(await snapshot('new')).toMatchObject({ status: 'unchanged' });
    expect(await whatIsThere()).toBe('new');
  });

  test('killed before its first rename: as if it had not been', async () => {
    const { signal } = spawnSync(process.execPath, [program, target, 'other', 'before', '1']);
    expect(signal).toBe('SIGKILL');
    expect(existsSync(target)).toBe(false);
    expect(readdirSync(parent).length).toBeGreaterThan(0);
    await snapshot('new');
    expect(await whatIsThere()).toBe('new');
  });

  test('a run that lives meanwhile is left alone, and both end well', async () => {
    await snapshot('old');
    const results = await Promise.allSettled([snapshot('new', true), snapshot('third', true)]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled']);
    expect(['new', 'third']).toContain(await whatIsThere());
  });
});

test('what a run on another machine has begun is left alone while that may still live', async () => {
  const foreign = `.out.ctxsrc-1-1-1-${'0'.repeat(32)}-${'a'.repeat(12)}.tree`;
  mkdirSync(join(parent, foreign));
  await snapshot('new');
  expect(existsSync(join(parent, foreign))).toBe(true);
});

test('files that only look like a run are left alone', async () => {
  const names = [
    '.out.ctxsrc-.tree',
    '.out.ctxsrc-1-2-3.tree',
    '.out.ctxsrc-x.json',
    '.other.ctxsrc-1-1-1-0-aaaaaaaaaaaa.tree',
  ];
  for (const name of names) writeFileSync(join(parent, name), 'mine');
  await snapshot('new');
  for (const name of names) expect(readFileSync(join(parent, name), 'utf8')).toBe('mine');
});

test('an old directory that cannot be replaced stays with its sidecar', async () => {
  await snapshot('old');
  const before = lstatSync(target).ino;
  const ref = fakeRef(snapshotTree('new'), {
    // The new tree vanishes before it can take its place.
    after: (dir) => renameSync(dir, join(parent, 'stolen')),
  });
  const facts = snapshotFacts('new');
  await expect(
    materialize(fakeJob(), { ref, target, facts, options: WRITE_OPTIONS, force: true, strict: false }),
  ).rejects.toThrow();
  expect(lstatSync(target).ino).toBe(before);
  expect(await snapshot('old')).toMatchObject({ status: 'unchanged' });
});
