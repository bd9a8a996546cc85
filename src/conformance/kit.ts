/**
 * The conformance kit: runs a source against the ten rules of the contract and says which are broken. Each check gets a
 * directory and a store of its own.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { addSource } from '../source/declaration.ts';
import { SourceTable } from '../source/table.ts';
import { ABORT_CHECKS } from './abort-rules.ts';
import { ATTRIBUTE_CHECKS } from './attribute-rules.ts';
import { Bench } from './bench.ts';
import { type Check, Skipped } from './check.ts';
import { toldFailure } from './failure.ts';
import { KEY_CHECKS } from './key-rules.ts';
import { BrokenRule, type CheckResult, type ConformanceReport, summarize } from './report.ts';
import { SNAPSHOT_CHECKS } from './snapshot-rules.ts';
import type { Subject } from './subject.ts';

export { type CheckResult, type ConformanceReport, RULES } from './report.ts';
export type { Prepared, Subject } from './subject.ts';

/** Time limit of a check in milliseconds. */
const CHECK_LIMIT = 120_000;
const NO_ANSWER = `the source did not answer within ${CHECK_LIMIT / 1000} s`;
const NOT_ASKED = 'the source did not answer before';

/** Rule by rule. */
const CHECKS: readonly Check[] = [...KEY_CHECKS, ...ATTRIBUTE_CHECKS, ...SNAPSHOT_CHECKS, ...ABORT_CHECKS].sort(
  (a, b) => a.rule - b.rule,
);

/**
 * Runs every check on a source.
 * @param subject the source, and what makes its input
 * @param onCheck called after each check
 * @param signal ends the run early, with its reason
 * @throws E_SOURCE_MODULE if the source declares an existing scheme or flag, or if `prepare` returns nothing to test
 * with; a failure of the source is a failed check, not an exception
 */
export async function runConformance(
  subject: Subject,
  onCheck?: (result: CheckResult) => void,
  signal: AbortSignal = new AbortController().signal,
): Promise<ConformanceReport> {
  if ('module' in subject.origin) await addSource(new SourceTable(), subject.source, subject.origin.module);
  const results: CheckResult[] = [];
  for (const check of CHECKS) {
    const result = await runCheck(check, subject, results, signal);
    results.push(result);
    onCheck?.(result);
  }
  return summarize(subject.source.schemes, results);
}

async function runCheck(
  check: Check,
  subject: Subject,
  earlier: readonly CheckResult[],
  signal: AbortSignal,
): Promise<CheckResult> {
  const { rule, name, after } = check;
  const result = (status: CheckResult['status'], detail?: string): CheckResult => ({ rule, name, status, detail });
  if (earlier.at(-1)?.detail === NO_ANSWER || earlier.at(-1)?.detail === NOT_ASKED) return result('skipped', NOT_ASKED);
  if (earlier.some((one) => one.name === after && one.status === 'failed')) {
    return result('skipped', `it would fail as "${after}" does`);
  }
  const bench = await Bench.open(subject);
  try {
    await inTime(bench, check.run(bench), signal);
    return result('passed');
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof Skipped) return result('skipped', error.message);
    return result('failed', error instanceof BrokenRule ? error.message : `the source failed: ${toldFailure(error)}`);
  } finally {
    await bench.close();
  }
}

/** Waits for a check, unless it exceeds its time limit or the signal ends the kit: then it is left running. */
async function inTime(bench: Bench, work: Promise<void>, signal: AbortSignal): Promise<void> {
  bench.leave(work);
  const done = new AbortController();
  const late = sleep(CHECK_LIMIT, undefined, { signal: AbortSignal.any([signal, done.signal]) }).then(() => {
    throw new BrokenRule(NO_ANSWER);
  });
  late.catch(() => undefined);
  try {
    await Promise.race([work, late]);
  } finally {
    done.abort();
  }
}
