/** What `key --build` and `inputs` have in common: the build line read, its notes told, the answer checked. */
import { resolve } from 'node:path';
import type { BuildAnswer, BuildKey, BuildRequest, BuildWork } from '../../build/answer.ts';
import type { Since } from '../../build/earlier.ts';
import { withRequest } from '../../build/request/with-request.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { buildLineOf, idleNote } from '../build-flags.ts';
import type { FoundIn } from '../ci/code-quality.ts';
import { type Flags, textFlag } from '../flags.ts';
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
function findingText(
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

/**
 * Tells what is doubtful in the Dockerfiles of builds, each finding once (targets share files), and writes it to the
 * file of `--code-quality`.
 */
export async function tellFindings(run: Run, answers: readonly BuildAnswer[], flags: Flags): Promise<void> {
  const found = new Map<string, FoundIn>();
  for (const answer of answers) {
    checkCovered(run, answer);
    for (const finding of answer.findings) {
      if (!finding.unrepeatable && run.verbose === 0) continue;
      found.set(`${answer.path}\n${findingText(answer, finding)}`, { answer, finding });
    }
  }
  for (const { answer, finding } of found.values()) tellFinding(run, answer, finding, 'warning');
  const file = textFlag(flags, 'codeQuality');
  if (file === undefined) return;
  const [{ replaceFile }, { codeQualityReport }] = await Promise.all([
    import('../../snapshot/write/replace-file.ts'),
    import('../ci/code-quality.ts'),
  ]);
  const report = codeQualityReport(run.io, [...found.values()]);
  await replaceFile(resolve(run.io.cwd, file), report, `the file ${printable(file)} of --code-quality`);
}

/** Where `--changed-since` looks. */
export function sinceOf(run: Run): Since {
  const note = (text: string): void => run.note(text);
  return { named: '--changed-since', cwd: run.io.cwd, signal: run.signal, note };
}

/** Prints the references of `inputs --names`. */
export async function printReferences(
  run: Run,
  names: readonly string[],
  unasked: readonly string[],
): Promise<undefined> {
  if (unasked.length > 0) tellUnasked(run, unasked);
  if (run.json) return run.document({ names, unasked });
  for (const name of names) await run.line(name);
}

/** Bases that could not be asked offline are a warning, or exit 3 with `--strict`. */
function tellUnasked(run: Run, unasked: readonly string[]): void {
  const text = `offline ${unasked.map(printable).join(', ')} cannot be asked for ENV and ONBUILD, which may lead to more`;
  if (run.flags.strict === true) {
    throw new CtxsrcError('E_OFFLINE', text, { hint: 'leave --offline out, or name the images by digest' });
  }
  run.note(text, 'warning');
}
