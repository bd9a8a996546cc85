import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { BuildKey } from '../../build/answer.ts';
import { keyOfBuild } from '../../build/build-key.ts';
import { differenceText } from '../../build/diff/difference.ts';
import { type BuildDiffReport, buildDiffReport } from '../../build/diff/report.ts';
import { type ComparedBuild, comparedBuild, readSavedFile } from '../../build/diff/saved.ts';
import { missingFlags, settingText } from '../../build/diff/settings.ts';
import type { Rebuilt } from '../../build/diff/steps.ts';
import type { BuildLine } from '../../build/request/line.ts';
import { CtxsrcError, ERROR_EXITS, isCtxsrcError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { shownReference } from '../../core/shown-reference.ts';
import { streamOf } from '../../fs/small-file.ts';
import { isGitReference } from '../../source/git/reference-form.ts';
import { buildLineOf } from '../build-flags.ts';
import { appendStepSummary } from '../ci/step-summary.ts';
import type { Flags } from '../flags.ts';
import type { Run } from '../run.ts';
import { checkCovered, withBuild } from './build-run.ts';

/** `ctxsrc diff FILE DIR` with a file of `key --build --save`, `--from FILE` for targets, and `ctxsrc diff --build A B`. */
export async function run(run: Run, args: readonly string[], flags: Flags): Promise<number | undefined> {
  const line = buildLineOf('.', flags);
  const isBuild = args.map((arg) => (flags.from === undefined ? describesBuild(run, arg) : !isFile(run, arg)));
  if (!isBuild.includes(true)) refuseFlags(line, flags);
  // Files first: what they were given helps to explain why a build cannot be keyed.
  const saved = await Promise.all(
    args.map((arg, index) => (isBuild[index] ? undefined : readSavedFile(arg, run.io.cwd, run.signal))),
  );
  const known = saved.find((side) => side !== undefined);
  const sides: ComparedBuild[] = [];
  for (const [index, arg] of args.entries()) sides.push(saved[index] ?? (await live(run, arg, flags, line, known)));
  const [a, b] = sides as [ComparedBuild, ComparedBuild];
  const comparison = buildDiffReport(args as [string, string], [a, b]);
  if (known !== undefined && !comparison.same) tellMissing(run, known, known === a ? b : a);
  await print(run, comparison);
  await appendStepSummary(run, {
    title: `ctxsrc diff: ${comparison.same ? 'the build is the same' : 'the build changed'}`,
    changed: !comparison.same,
    header: ['change', 'what'],
    rows: comparison.differences.map((one) => [CHANGES[one.mark], differenceText(one)]),
  });
  return comparison.same || flags.exitCode !== true ? undefined : ERROR_EXITS.E_DRIFT;
}

const CHANGES = { '~': 'changed', '+': 'added', '-': 'gone' } as const;

/** A directory, a repository or an archive; everything else is a file. */
function describesBuild(run: Run, arg: string): boolean {
  if (/^https?:\/\//.test(arg)) return true;
  if (arg.includes('://') && !isGitReference(arg)) {
    throw new CtxsrcError(
      'E_USAGE',
      `${JSON.stringify(shownReference(arg))} is no build: a build is compared with another one`,
      {
        hint: 'give a directory with a Dockerfile, or a file of ctxsrc key --build --save',
      },
    );
  }
  const info = statSync(resolve(run.io.cwd, arg), { throwIfNoEntry: false });
  return info === undefined ? isGitReference(arg) : info.isDirectory();
}

/** What is no file is the name of a target. */
function isFile(run: Run, arg: string): boolean {
  if (streamOf(arg) !== undefined) return true;
  return statSync(resolve(run.io.cwd, arg), { throwIfNoEntry: false })?.isFile() === true;
}

async function live(
  run: Run,
  dir: string,
  flags: Flags,
  line: BuildLine,
  saved: ComparedBuild | undefined,
): Promise<ComparedBuild> {
  const compared = async (answer: BuildKey): Promise<ComparedBuild> => {
    checkCovered(run, answer);
    return comparedBuild(answer.document, await answer.detail(), printable(shownReference(dir)));
  };
  try {
    if (flags.from !== undefined) {
      const { keyOfTarget } = await import('./bake-key.ts');
      return await keyOfTarget(run, [dir], flags, ({ answer }) => compared(answer));
    }
    return await withBuild(run, dir, flags, async (request, work) => compared(await keyOfBuild(request, work)));
  } catch (error) {
    const given = givenFlags(line);
    const missing = (saved?.detail.settings ?? [])
      .filter(({ implied }) => implied !== true)
      .map(settingText)
      .filter((flag) => !given.has(flag));
    if (missing.length === 0 || !isCtxsrcError(error)) throw error;
    const hint = `the saved build was given ${missing.map(printable).join(', ')}: give the same flags`;
    throw error.with({ hint: error.hint === undefined ? hint : `${hint}; ${error.hint}` });
  }
}

/** The flags that were typed, with their names and without their values. */
function givenFlags({ target, platforms, buildArgs, buildContexts, labels, salts }: BuildLine): Set<string> {
  const named = (flag: string, texts: readonly string[]): string[] =>
    texts.map((text) => `${flag} ${text.split('=', 1)[0]}`);
  return new Set([
    ...(target === undefined ? [] : ['--target']),
    ...(platforms.length === 0 ? [] : ['--platform']),
    ...named('--build-arg', buildArgs),
    ...named('--build-context', buildContexts),
    ...named('--label', labels),
    ...named('--with', salts),
  ]);
}

function refuseFlags(line: BuildLine, { from }: Flags): void {
  if (from === undefined && JSON.stringify(line) === JSON.stringify(buildLineOf('.', {}))) return;
  throw new CtxsrcError('E_USAGE', 'flags of a build mean nothing for two files', {
    hint: 'leave them out: the files hold what their builds were given',
  });
}

/** A saved file holds digests, so flags are given again: forgotten ones are the commonest difference. */
function tellMissing(run: Run, saved: ComparedBuild, other: ComparedBuild): void {
  const missing = missingFlags(saved, other);
  if (missing.length === 0) return;
  const they = missing.length === 1 ? 'this flag is' : 'these flags are';
  run.note(`the saved build was given ${missing.join(', ')}: ${they} missing here`);
}

async function print(run: Run, report: BuildDiffReport): Promise<undefined> {
  const { sentence, differences, rebuilt, same, note } = report;
  if (run.json) return run.document(report);
  await run.line(sentence);
  if (run.flags.quiet === true || same) return;
  for (const one of differences) await run.line(`${one.mark} ${differenceText(one)}`);
  await run.line(rebuiltText(rebuilt));
  if (note !== undefined) run.note(note);
}

function rebuiltText({ steps, of, first }: Rebuilt): string {
  if (steps === 0) return 'no step runs anew: only the settings of the image change';
  const number = `${steps} of ${of} ${of === 1 ? 'step' : 'steps'} ${steps === 1 ? 'runs' : 'run'} anew`;
  return first === undefined ? number : `${number}, first ${first}`;
}
