/** Rules 6 to 10: snapshots, what is lost, aborts, two at once, and the source's own files. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobContext, SourceInstance } from '../contract/index.ts';
import { CtxsrcError, isCtxsrcError } from '../core/errors.ts';
import { removeTree } from '../fs/remove-tree.ts';
import { allKeys } from '../source/resolve.ts';
import type { Bench } from './bench.ts';
import { type Check, skipCheck } from './check.ts';
import { fingerprint } from './fingerprint.ts';
import { expectRule } from './report.ts';

/** Moments at which an abort is tried when the subject does not say. */
const ABORTS = 12;

export const SNAPSHOT_CHECKS: readonly Check[] = [
  {
    rule: 6,
    name: 'the snapshot of an empty source is null',
    run: async (bench) => {
      const { empty } = bench.prepared;
      if (empty === undefined) return skipCheck('prepare() names no empty reference');
      const { env, counters } = await bench.environment('store-a');
      const ref = await bench.instance(env, empty).snapshot(bench.job(counters));
      await ref?.release();
      expectRule(ref === null, `${empty} has a snapshot`);
    },
  },
  {
    rule: 7,
    name: 'snapshot works without cacheKey, and in another process',
    run: async (bench) => {
      const one = await treeOf(bench, 'store-a');
      expectRule(one !== undefined, 'the reference has no files');
      expectRule(one === (await treeOf(bench, 'store-b')), 'two snapshots of the same content differ');
    },
  },
  {
    rule: 7,
    name: 'snapshot works after the store lost everything that the keys had brought',
    run: async (bench) => {
      const { env, counters } = await bench.environment('store-a');
      const job = bench.job(counters);
      const instance = bench.instance(env);
      await allKeys(instance, job);
      const before = await mounted(instance, job);
      await loseContent(env.store.root);
      expectRule(
        before === (await mounted(instance, job)),
        'the same instance gave other files after the store lost its content',
      );
      expectRule(
        before === (await mounted(bench.instance(env), job)),
        'a new instance gave other files after the store lost its content',
      );
    },
  },
  {
    rule: 7,
    name: 'with offline, what is missing is exit 3 and named',
    run: async (bench) => {
      if (bench.prepared.remote !== true) return skipCheck('the content is local');
      const { env, counters } = await bench.environment('store-empty', { offline: true });
      const failure = await mounted(bench.instance(env), bench.job(counters)).then(
        () => undefined,
        (error: unknown) => error,
      );
      expectRule(counters.requests === 0, `a request was made though offline was said`);
      expectRule(failure !== undefined, 'content came from nowhere');
      expectRule(isCtxsrcError(failure) && failure.exit === 3, `the failure is not exit 3: ${String(failure)}`);
    },
  },
  {
    rule: 8,
    name: 'an abort before the start is an abort',
    run: async (bench) => {
      const { env, counters } = await bench.environment('store-a');
      const abort = new AbortController();
      abort.abort(new CtxsrcError('E_INTERRUPTED', 'interrupted'));
      await mounted(bench.instance(env), bench.job(counters, abort.signal)).catch(() => undefined);
      await expectClean(env.store.root, 'an abort before the start');
    },
  },
  {
    rule: 8,
    name: 'an abort at any moment leaves nothing, and the next run succeeds',
    run: async (bench) => {
      const { env, counters } = await bench.environment('store-whole');
      const whole = await mounted(bench.instance(env), bench.job(counters));
      const steps = counters.steps;
      const attempts = Math.min(bench.subject.aborts ?? ABORTS, steps);
      for (let attempt = 0; attempt < attempts; attempt += 1) {
        const at = Math.floor((attempt * steps) / attempts) + 1;
        await abortedAt(bench, at, whole);
      }
    },
  },
  {
    rule: 9,
    name: 'two at once share one download and one snapshot',
    run: async (bench) => {
      const { env, counters } = await bench.environment('store-a');
      const job = bench.job(counters);
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
      const before = watched.map((path) => fingerprint(path, true));
      await treeOf(bench, 'store-a');
      const after = watched.map((path) => fingerprint(path, true));
      const changed = watched.filter((_, index) => before[index] !== after[index]);
      expectRule(changed.length === 0, `written to: ${changed.join(', ')}`);
    },
  },
];

/** What a person does who makes room by hand while nothing runs. */
async function loseContent(root: string): Promise<void> {
  for (const folder of ['blobs/sha256', 'snapshots', 'records']) {
    for (const name of await readdir(join(root, folder)).catch(() => [])) await removeTree(join(root, folder, name));
  }
}

async function treeOf(bench: Bench, store: string): Promise<string | undefined> {
  const { env, counters } = await bench.environment(store);
  const job = bench.job(counters);
  const instance = bench.instance(env);
  await allKeys(instance, job);
  return mounted(instance, job);
}

/** What the files of a snapshot are; undefined when there are none. */
async function mounted(instance: SourceInstance, job: JobContext): Promise<string | undefined> {
  const ref = await instance.snapshot(job);
  if (ref === null) return undefined;
  try {
    const mount = await ref.mount(job);
    try {
      return fingerprint(mount.path, false);
    } finally {
      await mount.release();
    }
  } finally {
    await ref.release();
  }
}

async function abortedAt(bench: Bench, at: number, whole: string | undefined): Promise<void> {
  const { env, counters } = await bench.environment(`store-abort-${at}`);
  const abort = new AbortController();
  const start = counters.steps;
  counters.onStep = () => {
    if (counters.steps - start >= at) abort.abort(new CtxsrcError('E_INTERRUPTED', 'interrupted'));
  };
  const children = await childProcesses();
  const outcome = await mounted(bench.instance(env), bench.job(counters, abort.signal)).catch(() => 'aborted');
  expectRule(outcome === 'aborted' || outcome === whole, `an abort at step ${at} gave files that are not the source's`);
  await expectClean(env.store.root, `an abort at step ${at}`);
  const left = (await childProcesses()).filter((pid) => !children.includes(pid));
  expectRule(left.length === 0, `an abort at step ${at} left ${left.length} child processes`);
  counters.onStep = undefined;
  const next = await mounted(bench.instance(env), bench.job(counters));
  expectRule(next === whole, `after an abort at step ${at} the next run gave other files`);
}

/** How long, in milliseconds, work that was aborted may take to clear up behind a caller who left at once. */
const CLEARING_UP = 2000;

/** No temporary directory is left; a partial download may be, it is what the next run goes on from. */
async function expectClean(root: string, after: string): Promise<void> {
  const temporary = () => readdir(join(root, 'tmp')).catch(() => [] as string[]);
  let left = await temporary();
  for (const start = Date.now(); left.length > 0 && Date.now() - start < CLEARING_UP; left = await temporary()) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expectRule(left.length === 0, `${after} left temporary files: ${left.join(', ')}`);
}

/** Children of this process, where the system tells them (Linux). */
async function childProcesses(): Promise<string[]> {
  const text = await readFile(`/proc/self/task/${process.pid}/children`, 'utf8').catch(() => '');
  return text.split(' ').filter((pid) => pid !== '');
}
