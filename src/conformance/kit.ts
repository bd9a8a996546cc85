/**
 * The conformance kit: runs a source against the ten rules of the contract and says which are broken. Each check gets a
 * directory and a store of its own.
 */
import { isCtxsrcError } from '../core/errors.ts';
import { Bench } from './bench.ts';
import { type Check, Skipped } from './check.ts';
import { KEY_CHECKS } from './key-rules.ts';
import { BrokenRule, type CheckResult, type ConformanceReport, summarize } from './report.ts';
import { SNAPSHOT_CHECKS } from './snapshot-rules.ts';
import type { Subject } from './subject.ts';

export { type CheckResult, type ConformanceReport, RULES } from './report.ts';
export type { Prepared, Subject } from './subject.ts';

/**
 * Runs every check on a source.
 * @param onCheck told after each check
 * @throws what `prepare` throws; a failure of the source is a failed check, not an exception
 */
export async function runConformance(
  subject: Subject,
  onCheck?: (result: CheckResult) => void,
): Promise<ConformanceReport> {
  const results: CheckResult[] = [];
  for (const check of [...KEY_CHECKS, ...SNAPSHOT_CHECKS]) {
    const bench = await Bench.open(subject);
    try {
      const result = await runCheck(check, bench);
      results.push(result);
      onCheck?.(result);
    } finally {
      await bench.close();
    }
  }
  return summarize(subject.source.schemes, results);
}

async function runCheck({ rule, name, run }: Check, bench: Bench): Promise<CheckResult> {
  try {
    await run(bench);
    return { rule, name, status: 'passed' };
  } catch (error) {
    if (error instanceof Skipped) return { rule, name, status: 'skipped', detail: error.message };
    if (error instanceof BrokenRule) return { rule, name, status: 'failed', detail: error.message };
    const code = isCtxsrcError(error) ? `${error.code}: ` : '';
    return {
      rule,
      name,
      status: 'failed',
      detail: `the source failed: ${code}${error instanceof Error ? error.message : String(error)}`,
    };
  }
}
