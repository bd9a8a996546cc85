/** Rules 6, 7, 9 and 10: snapshots, losses, concurrent use, and the source's own files. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isCtxsrcError } from '../core/errors.ts';
import { removeTree } from '../fs/write/remove-tree.ts';
import { allKeys } from '../source/resolve.ts';
import type { Bench } from './bench.ts';
import { type Check, skipCheck } from './check.ts';
import { askOtherProcess } from './other-process.ts';
import { expectRule } from './report.ts';
import { readTree, snapshotTree, type Tree, treeDifference } from './tree.ts';

/** The check on which those of a lost store and of an abort depend. */
export const SNAPSHOTS_AGREE = 'two snapshots are the same, times included, also in another process';

/** Longer (ms) than the granularity of file times. */
const PASSING_TIME = 20;

export const SNAPSHOT_CHECKS: readonly Check[] = [
  {
    rule: 6,
    name: 'the snapshot of an empty source is null',
    run: async (bench) => {
      const { empty } = bench.prepared;
      if (empty === undefined) return skipCheck('prepare() names no empty reference');
      const { env, job } = await bench.environment('store-a');
      const ref = await bench.instance(env, empty).snapshot(job);
      await ref?.release();
      expectRule(ref === null, `${empty} has a snapshot`);
    },
  },
  {
    rule: 7,
    name: SNAPSHOTS_AGREE,
    run: async (bench) => {
      const { env, job } = await bench.environment('store-without-keys');
      const one = await snapshotTree(bench.instance(env), job);
      expectRule(one !== undefined, 'the reference has no files');
      await sleep(PASSING_TIME);
      expectSameTree(one, await treeOf(bench, 'store-a'), 'two snapshots of the same content differ');
      const { tree } = await askOtherProcess(bench, 'files');
      expectSameTree(one, tree, 'a process with other settings, at another time, made other files');
    },
  },
  {
    rule: 7,
    name: 'snapshot works after the store lost everything that the keys had brought',
    after: SNAPSHOTS_AGREE,
    run: async (bench) => {
      const { env, job } = await bench.environment('store-a');
      const instance = bench.instance(env);
      await allKeys(instance, job);
      const before = await snapshotTree(instance, job);
      await loseContent(env.store.root);
      expectSameTree(before, await snapshotTree(instance, job), 'after the store lost its content an instance differs');
      const other = await snapshotTree(bench.instance(env), job);
      expectSameTree(before, other, 'after the store lost its content a new instance differs');
    },
  },
  {
    rule: 7,
    name: 'with offline, what is missing is exit 3 and named',
    run: async (bench) => {
      if (bench.prepared.remote !== true) return skipCheck('the content is local');
      const { env, counters, job } = await bench.environment('store-empty', { offline: true });
      const failure = await snapshotTree(bench.instance(env), job).then(
        () => undefined,
        (error: unknown) => error,
      );
      expectRule(counters.requests === 0, `a request was made though offline was said`);
      expectRule(failure !== undefined, 'content came from nowhere');
      expectRule(isCtxsrcError(failure) && failure.exit === 3, `the failure is not exit 3: ${String(failure)}`);
    },
  },
  {
    rule: 9,
    name: 'two at once share one download and one snapshot',
    run: async (bench) => {
      const { env, counters, job } = await bench.environment('store-a');
      const [a, b] = await Promise.all([bench.instance(env).snapshot(job), bench.instance(env).snapshot(job)]);
      try {
        if (a === null || b === null) return skipCheck('the reference has no files');
        expectRule(a.id === b.id, `the same content has two snapshots: ${a.id} and ${b.id}`);
        await Promise.all([a.extract(job), b.extract(job)]);
        for (const [digest, count] of counters.ingests)
          expectRule(count === 1, `the blob ${digest} was fetched ${count} times`);
        for (const [id, count] of counters.productions)
          expectRule(count === 1, `the snapshot ${id} was made ${count} times`);
      } finally {
        await a?.release();
        await b?.release();
      }
    },
  },
  {
    rule: 10,
    name: 'keys and snapshots leave the source as it is',
    run: async (bench) => {
      const watched = bench.prepared.watched ?? [];
      if (watched.length === 0) return skipCheck('prepare() names no paths to watch');
      const before = watched.map((path) => readTree(path));
      await treeOf(bench, 'store-a');
      for (const [index, path] of watched.entries()) {
        const difference = treeDifference(before[index], readTree(path));
        expectRule(difference === undefined, `written to ${path}: ${difference}`);
      }
    },
  },
];

/** Removes content as a person does who frees space by hand while nothing runs. */
async function loseContent(root: string): Promise<void> {
  for (const folder of ['blobs/sha256', 'snapshots', 'records']) {
    for (const name of await readdir(join(root, folder)).catch(() => [])) await removeTree(join(root, folder, name));
  }
}

async function treeOf(bench: Bench, store: string): Promise<Tree | undefined> {
  const { env, job } = await bench.environment(store);
  const instance = bench.instance(env);
  await allKeys(instance, job);
  return snapshotTree(instance, job);
}

function expectSameTree(a: Tree | undefined, b: Tree | undefined, otherwise: string): void {
  const difference = treeDifference(a, b);
  expectRule(difference === undefined, `${otherwise}: ${difference}`);
}
