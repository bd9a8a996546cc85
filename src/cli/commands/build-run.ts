/** What `key --build` and `inputs` have in common: the build line read, its notes told, the answer checked. */
import type { BuildAnswer, BuildKey, BuildRequest, BuildWork } from '../../build/answer.ts';
import { type InputsReport, inputsReport } from '../../build/report.ts';
import { withRequest } from '../../build/request/with-request.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { buildLineOf, idleNote } from '../build-flags.ts';
import type { Flags } from '../flags.ts';
import type { Run } from '../run.ts';

/** Reads the build that the arguments describe, and hands it to `use` with what answers questions about it. */
export async function withBuild<T>(
  run: Run,
  dir: string | undefined,
  flags: Flags,
  use: (request: BuildRequest, work: BuildWork) => Promise<T>,
): Promise<T> {
  const line = buildLineOf(dir, flags);
  const work = { table: run.table, env: (await run.environment()).env, job: await run.job() };
  const { env, cwd } = run.io;
  return withRequest(line, work, { env, cwd }, async (request, notes) => {
    const idle = idleNote(flags);
    for (const note of idle === undefined ? notes : [idle, ...notes]) run.note(note);
    return use(request, work);
  });
}

/** Properties of files that the key could not cover are a warning, or exit 8 with `--strict`. */
export function checkCovered(run: Run, { file, incomplete }: BuildKey): void {
  if (incomplete.length === 0) return;
  run.incomplete(`the key of ${printable(file)} does not cover ${incomplete.join(', ')}`, { details: { incomplete } });
}

/** `Dockerfile:7: RuleName: what is doubtful` */
export function findingText(
  { file }: Pick<BuildKey, 'file'>,
  { rule, lines, message }: BuildAnswer['findings'][number],
): string {
  return `${file}${lines === undefined ? '' : `:${lines.first}`}: ${rule}: ${message}`;
}

/** Tells what is doubtful in a Dockerfile, with its place. */
export function tellFinding(
  run: Run,
  answer: Pick<BuildKey, 'file' | 'path'>,
  finding: BuildAnswer['findings'][number],
  level: 'note' | 'warning',
): void {
  const { path } = answer;
  const place = path === undefined ? undefined : { path, line: finding.lines?.first, lastLine: finding.lines?.last };
  run.note(findingText(answer, finding), level, place);
}

/** The members of the document of `inputs --json`. */
export function inputsMembers(answer: BuildAnswer): InputsReport {
  return inputsReport(answer);
}

/** Bases that could not be asked offline are a warning, or exit 3 with `--strict`. */
export function tellUnasked(run: Run, unasked: readonly string[]): void {
  const text = `offline ${unasked.map(printable).join(', ')} cannot be asked for ENV and ONBUILD, which may lead to more`;
  if (run.flags.strict === true) {
    throw new CtxsrcError('E_OFFLINE', text, { hint: 'leave --offline out, or name the images by digest' });
  }
  run.note(text, 'warning');
}
