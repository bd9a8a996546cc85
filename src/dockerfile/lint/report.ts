/** Collects what the rules find, without what the Dockerfile silences. */
import type { Lines } from '../parse/instruction.ts';
import { type CheckOptions, withComments } from './check-options.ts';
import type { Finding } from './finding.ts';

/** BuildKit's rules about what makes a key worthless or a build unrepeatable. */
const UNREPEATABLE = new Set([
  'UndefinedVar',
  'UndefinedArgInFrom',
  'InvalidDefaultArgInFrom',
  'DuplicateStageName',
  'CopyIgnoredFile',
  'InvalidBaseImagePlatform',
  'SecretsUsedInArgOrEnv',
]);

/** Where a finding stands, and the comments there that may silence it. */
interface Spot {
  readonly lines: Lines;
  readonly comments?: readonly string[];
}

export class Report {
  readonly findings: Finding[] = [];
  readonly #options: CheckOptions;

  constructor(options: CheckOptions) {
    this.#options = options;
  }

  /** A finding of one of BuildKit's rules. */
  buildkit(rule: string, spot: Spot, message: string): void {
    this.#add(
      { rule, buildkit: true, unrepeatable: UNREPEATABLE.has(rule), lines: spot.lines, message },
      spot.comments,
    );
  }

  /** A finding of a rule of ours. */
  own(rule: string, spot: Spot | undefined, message: string): void {
    this.#add({ rule, buildkit: false, unrepeatable: true, lines: spot?.lines, message }, spot?.comments);
  }

  #add(finding: Finding, comments: readonly string[] = []): void {
    const { skipAll, skip } = withComments(this.#options, comments);
    if (!skipAll && !skip.has(finding.rule)) this.findings.push(finding);
  }
}
