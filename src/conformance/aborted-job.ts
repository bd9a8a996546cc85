/** A call of a source whose job is aborted at a chosen moment, and its outcome. */
import { setTimeout as sleep } from 'node:timers/promises';
import { CtxsrcError, isAbort } from '../core/errors.ts';
import type { Bench, Counters } from './bench.ts';
import { toldFailure } from './failure.ts';
import { expectRule } from './report.ts';
import type { SourceCall } from './source-calls.ts';

const REMEDY =
  'hand job.signal to what waits, call job.signal.throwIfAborted() before each file and before store.commit, and let what they throw pass';

/** When to abort. */
export interface Moment {
  readonly name: string;
  /** Arranges that `abort` is called at the moment. */
  readonly arrange: (abort: () => void, counters: Counters) => void;
}

/**
 * Calls the source in a store of its own and aborts the job.
 * @returns the result, if it was ready before the abort or shortly after it
 * @throws BrokenRule if the call does not reject in time, or rejects with another error than the signal's reason
 */
export async function abortCall<T>(
  bench: Bench,
  store: string,
  call: SourceCall<T>,
  moment: Moment,
): Promise<{ readonly answer?: T; readonly when: string; readonly storeRoot: string }> {
  const { env, counters } = await bench.environment(store);
  const controller = new AbortController();
  const { signal } = controller;
  const { patience } = bench;
  /** A result that was almost ready may still arrive within this time (ms). */
  const asGoodAsReady = patience / 2;
  const waiting = new AbortController();
  let place = '';
  let start = 0;
  let storeSteps = 0;
  const late = new Promise<undefined>((tell) => {
    signal.addEventListener('abort', () => {
      sleep(patience, undefined, { signal: waiting.signal }).then(tell, () => undefined);
    });
  });
  moment.arrange(() => {
    if (signal.aborted) return;
    place = counters.lastStep;
    storeSteps = counters.storeSteps;
    start = performance.now();
    controller.abort(new CtxsrcError('E_INTERRUPTED', 'interrupted'));
  }, counters);
  const aborted = signal.aborted;
  let wentOn = false;
  const work = call.run(bench, env, bench.job(counters, signal), () => {
    const long = performance.now() - start > asGoodAsReady;
    wentOn = signal.aborted && (long || counters.storeSteps > storeSteps);
  });
  const end = await Promise.race([
    work.then(
      (answer) => ({ answer }),
      (error: unknown) => ({ error }),
    ),
    late,
  ]);
  waiting.abort();
  const when = `${moment.name}${place === '' ? '' : ` (${place})`}`;
  const what = `${call.name}, aborted ${when},`;
  if (!signal.aborted) {
    if (end !== undefined && 'error' in end) throw end.error;
    return { ...end, when, storeRoot: env.store.root };
  }
  const took = performance.now() - start;
  if (end === undefined) bench.leave(work);
  const inTime = end !== undefined && took < patience + asGoodAsReady;
  expectRule(inTime, `${what} had not ended ${patience / 1000} s later: ${REMEDY}`);
  expectRule(!wentOn && !(aborted && 'answer' in end), `${what} went on to its end: ${REMEDY}`);
  if ('error' in end) {
    expectRule(
      end.error === signal.reason || isAbort(end.error),
      `${what} failed with something else than the signal's reason: ${toldFailure(end.error)}`,
    );
    return { when, storeRoot: env.store.root };
  }
  return { ...end, when, storeRoot: env.store.root };
}
