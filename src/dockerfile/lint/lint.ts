/**
 * What is doubtful in a Dockerfile: BuildKit's own warnings under its names, and ours about what makes a key worthless.
 * `# check=skip=…` at the top, or in a comment above an instruction, silences both.
 */
import { at, dockerfileError } from '../error.ts';
import type { Dockerfile } from '../parse/instruction.ts';
import { type CheckOptions, parseCheckOptions } from './check-options.ts';
import { checkText } from './check-text.ts';
import type { Finding, LintFacts } from './finding.ts';
import { checkBasePlatforms, checkFrom, globalArguments } from './from-rules.ts';
import { InstructionRules } from './instruction-rules.ts';
import { OwnRules } from './own-rules.ts';
import { Report } from './report.ts';
import { checkSpelling } from './stage-rules.ts';
import { walkStages } from './stage-walk.ts';

export type { Finding, LintFacts } from './finding.ts';

/**
 * The findings, in the order of their lines.
 * @throws CtxsrcError `E_DOCKERFILE` if the file asks for `error=true` and BuildKit warns of something
 */
export function lint(dockerfile: Dockerfile, facts: LintFacts): readonly Finding[] {
  const options = checkOptions(dockerfile, facts);
  const report = new Report(options);
  const globals = globalArguments(dockerfile, facts);
  const instructionRules = new InstructionRules(dockerfile, facts, report);
  const ownRules = new OwnRules(dockerfile, facts, report);
  checkSpelling(dockerfile, report);
  checkFrom(dockerfile, facts, report);
  checkBasePlatforms(facts, report);
  ownRules.checkBuild(globals);
  walkStages(dockerfile, globals, facts, (visit) => {
    instructionRules.check(visit);
    ownRules.check(visit);
  });
  const findings = [...report.findings].sort((a, b) => lineOf(a) - lineOf(b));
  if (options.error) refuse(findings, facts.options.fileName);
  return findings;
}

function checkOptions(dockerfile: Dockerfile, { options }: LintFacts): CheckOptions {
  return at({ fileName: options.fileName, line: 1 }, () => parseCheckOptions(checkText(dockerfile, options)));
}

function refuse(findings: readonly Finding[], fileName: string): void {
  const violation = findings.find(({ buildkit }) => buildkit);
  if (violation === undefined) return;
  throw dockerfileError(
    { fileName, line: lineOf(violation) },
    `${violation.rule}: ${violation.message}, and # check= has error=true`,
    `mend it, or write # check=skip=${violation.rule};error=true at the top`,
  );
}

function lineOf({ lines }: Finding): number {
  return lines?.first ?? 0;
}
