/** The ten rules in words for newcomers, and the result of a run of the kit. */

export const RULES: Readonly<Record<number, string>> = {
  1: 'an identifier reads itself back: identify(parse(String(id)), id.attributes) equals id and has its keys, and what is no reference is refused with exit 2',
  2: 'the same content gives the same content key in any process, directory, time zone, locale and time; other content, or another value of an attribute, gives another',
  3: 'a content key holds no secret, no path of the machine, no time of the run and nothing random; what is marked as a secret is nowhere',
  4: 'index 0 costs no more than the last index, and after done a further index repeats the last answer',
  5: 'the pin identifies immutable content: the pinned reference gives the same keys and files',
  6: 'the snapshot of an empty source is null',
  7: 'the same key has the same files, times included, in any process and after the store lost its content; with offline it fails with exit 3 and names what is missing',
  8: 'an aborted job rejects within 2 s with the reason of its signal, and leaves no half-made snapshot, no temporary directory and no child process',
  9: 'two at once share one download and one snapshot',
  10: 'the source itself is never written to',
};

/** One check of the kit. */
export interface CheckResult {
  /** The rule, from 1 to 10. */
  readonly rule: number;
  /** What was tried. */
  readonly name: string;
  /** How it ended. */
  readonly status: 'passed' | 'failed' | 'skipped';
  /** The fault, or why the check was skipped. */
  readonly detail?: string | undefined;
}

/** A run of the kit. */
export interface ConformanceReport {
  /** Of the source. */
  readonly schemes: readonly string[];
  /** Each check, in the order of the rules. */
  readonly checks: readonly CheckResult[];
  /** Checks that ran; none is a failure. */
  readonly executed: number;
  /** Checks that failed. */
  readonly failed: number;
  /** At least one check ran, and none failed. */
  readonly passed: boolean;
  /** Rules with a failed check. */
  readonly brokenRules: readonly number[];
}

export function summarize(schemes: readonly string[], checks: readonly CheckResult[]): ConformanceReport {
  const executed = checks.filter((check) => check.status !== 'skipped').length;
  const failures = checks.filter((check) => check.status === 'failed');
  return {
    schemes,
    checks,
    executed,
    failed: failures.length,
    passed: executed > 0 && failures.length === 0,
    brokenRules: [...new Set(failures.map((check) => check.rule))].sort((a, b) => a - b),
  };
}

/** A broken rule: the kit's own error, shown in the report. */
export class BrokenRule extends Error {}

/** Throws `BrokenRule` unless the condition holds. */
export function expectRule(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new BrokenRule(otherwise);
}
