/** Rule 8: what an aborted job does, and what it leaves behind. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { abortCall, type Moment } from './aborted-job.ts';
import type { Bench } from './bench.ts';
import type { Check } from './check.ts';
import { expectRule } from './report.ts';
import { SNAPSHOTS_AGREE } from './snapshot-rules.ts';
import { SOURCE_CALLS, type SourceCall } from './source-calls.ts';

/** Number of moments at which an abort is tried, unless the subject sets it. */
const ABORTS = 12;

/** Work that takes longer (ms) is also aborted between the steps that the kit sees. */
const LONG = 100;

/** Limits the moments for a slow source: after this time (ms) no more are tried. */
const ENOUGH = 60_000;

const BEFORE_THE_START: Moment = { name: 'before the start', arrange: (abort) => abort() };

export const ABORT_CHECKS: readonly Check[] = [
  {
    rule: 8,
    name: 'a job that is aborted before the start rejects',
    run: async (bench) => {
      for (const call of SOURCE_CALLS) {
        const { storeRoot, when } = await abortCall(bench, `store-${call.name}`, call, BEFORE_THE_START);
        await expectClean(bench, storeRoot, `${call.name}, aborted ${when},`);
      }
    },
  },
  ...SOURCE_CALLS.map(
    (call): Check => ({
      rule: 8,
      name: `${call.name} that is aborted at any moment rejects in time and leaves nothing, and the next run succeeds`,
      after: SNAPSHOTS_AGREE,
      run: (bench) => abortAtMoments(bench, call),
    }),
  ),
];

async function abortAtMoments(bench: Bench, call: SourceCall<unknown>): Promise<void> {
  const { env, counters, job } = await bench.environment('store-whole');
  const start = performance.now();
  const whole = await call.run(bench, env, job);
  const took = performance.now() - start;
  for (const [index, moment] of momentsOf(counters.steps, took, bench.subject.aborts ?? ABORTS).entries()) {
    if (performance.now() - start > ENOUGH) return;
    const store = `store-abort-${index}`;
    const children = await childProcesses();
    const { answer, when, storeRoot } = await abortCall(bench, store, call, moment);
    const what = `${call.name}, aborted ${when},`;
    if (answer !== undefined) {
      const difference = call.difference(whole, answer);
      expectRule(difference === undefined, `${what} gave an answer that is not the source's: ${difference}`);
    }
    await expectClean(bench, storeRoot, what);
    const left = await soonEmpty(bench.patience, async () =>
      (await childProcesses()).filter((pid) => !children.includes(pid)),
    );
    expectRule(left.length === 0, `${what} left ${left.length} child processes: kill them when the signal aborts`);
    const again = await bench.environment(store);
    const next = await call.run(bench, again.env, bench.job(again.counters));
    const difference = call.difference(whole, next);
    expectRule(
      difference === undefined,
      `${what} left something half-made that the next run took for whole: ${difference}`,
    );
  }
}

/** The first step and others up to the last; of long work also moments in between. */
function momentsOf(steps: number, took: number, most: number): Moment[] {
  const attempts = Math.min(most, steps);
  const moments = Array.from({ length: attempts }, (_, attempt): Moment => {
    const at = Math.floor((attempt * steps) / attempts) + 1;
    return {
      name: `at step ${at} of ${steps}`,
      arrange: (abort, counters) => {
        counters.onStep = () => {
          if (counters.steps === at) abort();
        };
      },
    };
  });
  if (took < LONG) return moments;
  // The next run may be faster than the first one was.
  const between = [2 / 3, 1 / 3, 1 / 6, 1 / 12].map((share): Moment => {
    const after = Math.round(took * share);
    return { name: `after ${after} of ${Math.round(took)} ms`, arrange: (abort) => void setTimeout(abort, after) };
  });
  return [...between, ...moments];
}

/** What is still listed when `patience` is over: work that was aborted may clear up behind a caller who left at once. */
async function soonEmpty(patience: number, list: () => Promise<readonly string[]>): Promise<readonly string[]> {
  let left = await list();
  for (const start = Date.now(); left.length > 0 && Date.now() - start < patience; left = await list()) {
    await sleep(20);
  }
  return left;
}

/** Checks that no temporary directory is left; a partial download may be, because the next run resumes it. */
async function expectClean({ patience }: Bench, root: string, what: string): Promise<void> {
  const left = await soonEmpty(patience, () => readdir(join(root, 'tmp')).catch(() => []));
  if (left.length === 0) return;
  const inside = (await readdir(join(root, 'tmp', left[0]!)).catch(() => [])).join(', ');
  expectRule(
    false,
    `${what} left a directory of store.tempDir()${inside === '' ? '' : ` with ${inside} in it`}: remove it when the work fails, try { … } catch (error) { await rm(dir, { recursive: true, force: true }); throw error; }`,
  );
}

/** Child processes of this process, where the system lists them (Linux). */
async function childProcesses(): Promise<string[]> {
  const text = await readFile(`/proc/self/task/${process.pid}/children`, 'utf8').catch(() => '');
  return text.split(' ').filter((pid) => pid !== '');
}
