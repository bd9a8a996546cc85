/** BuildKit's rules about names and spelling, which need nothing but the Dockerfile. */
import { shortened } from '../../core/printable.ts';
import type { Dockerfile, Instruction, Lines, Stage } from '../parse/instruction.ts';
import { splitAtBlanks } from '../parse/text.ts';
import type { Report } from './report.ts';

export function checkSpelling(dockerfile: Dockerfile, report: Report): void {
  for (const lines of dockerfile.brokenByEmptyLines) {
    report.buildkit('NoEmptyContinuation', { lines }, 'an empty line stands between continuation lines');
  }
  for (const stage of dockerfile.stages) {
    checkFromLine(stage, report);
    for (const each of stage.instructions) {
      if (each.kind === 'MAINTAINER') {
        report.buildkit(
          'MaintainerDeprecated',
          each,
          'MAINTAINER is out of use: write LABEL org.opencontainers.image.authors=',
        );
      }
    }
  }
  checkStageNames(dockerfile.stages, report);
  checkInstructionCase(dockerfile.stages, report);
}

/** The name of an instruction as it was written. */
function writtenName({ text }: Instruction | Stage): string {
  return /^[^\t\v\f\r ]*/.exec(text)![0];
}

function checkFromLine(stage: Stage, report: Report): void {
  if (stage.name === '') return;
  const from = writtenName(stage);
  const [as = '', name = ''] = splitAtBlanks(stage.text).slice(-2);
  if (name !== name.toLowerCase()) {
    report.buildkit('StageNameCasing', stage, `the name of the stage, ${shortened(name)}, is not in lower case`);
  }
  const other =
    (from === from.toLowerCase() && as !== as.toLowerCase()) ||
    (from === from.toUpperCase() && as !== as.toUpperCase());
  if (other) report.buildkit('FromAsCasing', stage, `${as} and ${from} are not in the same case`);
}

function checkStageNames(stages: readonly Stage[], report: Report): void {
  const seen = new Set<string>();
  for (const stage of stages) {
    if (stage.name === '') continue;
    // The comments above FROM silence neither of these in BuildKit.
    const spot = { lines: stage.lines };
    if (stage.name === 'scratch' || stage.name === 'context') {
      report.buildkit('ReservedStageName', spot, `a stage is called ${stage.name}, which means something else`);
    }
    if (seen.has(stage.name)) {
      report.buildkit('DuplicateStageName', spot, `a second stage is called ${shortened(stage.name)}`);
    }
    seen.add(stage.name);
  }
}

/** All instructions are to be in the case of the most, in upper case if there are as many of both. */
function checkInstructionCase(stages: readonly Stage[], report: Report): void {
  const named: { readonly name: string; readonly lines: Lines }[] = stages.flatMap((stage) =>
    [stage, ...stage.instructions].map((each) => ({ name: writtenName(each), lines: each.lines })),
  );
  const lower = named.filter(({ name }) => name === name.toLowerCase()).length;
  const upper = named.filter(({ name }) => name !== name.toLowerCase() && name === name.toUpperCase()).length;
  for (const { name, lines } of named) {
    const want = lower > upper ? name.toLowerCase() : name.toUpperCase();
    if (name === want) continue;
    report.buildkit(
      'ConsistentInstructionCasing',
      { lines },
      `${name} is written in another case than the most: ${want}`,
    );
  }
}
