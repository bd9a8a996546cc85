import type { BuildRequest, BuildWork } from '../../build/answer.ts';
import { buildKey } from '../../build/build-key.ts';
import { buildNames } from '../../build/build-names.ts';
import type { ChangedInputs, EarlierInputs } from '../../build/earlier.ts';
import { type InputsReport, inputsReport } from '../../build/report.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { counted } from '../../core/format.ts';
import { listed } from '../../core/printable.ts';
import { sourceDateEpoch } from '../../core/source-date-epoch.ts';
import { isImageReference } from '../../source/foreign-forms.ts';
import { appendStepSummary } from '../ci/step-summary.ts';
import { type Flags, textFlag } from '../flags.ts';
import { inputsTable } from '../inputs-table.ts';
import type { Run } from '../run.ts';
import { screenOf } from '../screen.ts';
import { printReferences, sinceOf, tellFindings, withBuild } from './build-run.ts';

/** `ctxsrc inputs [DIR]` */
export async function run(run: Run, args: readonly string[], flags: Flags): Promise<undefined> {
  if (flags.html !== undefined) sourceDateEpoch(run.io.env.SOURCE_DATE_EPOCH);
  if (flags.from !== undefined) return (await import('./bake-inputs.ts')).run(run, args, flags);
  const [dir, more] = args;
  if (flags.githubOutput === true || more !== undefined) {
    const idle = flags.githubOutput === true;
    throw new CtxsrcError('E_USAGE', idle ? 'the output tells of the targets of --from' : 'there are two directories', {
      hint: idle
        ? `name the bake or compose file with --from; ${ONE_BUILD}`
        : 'give the build context; targets of a bake file need --from FILE',
    });
  }
  const since = textFlag(flags, 'changedSince');
  const earlier = since === undefined ? undefined : await earlierOf(run, since);
  return withBuild(run, dir, flags, (request, work) =>
    flags.names === true ? printNames(run, request, work) : printInputs(run, request, work, flags, earlier),
  );
}

const ONE_BUILD = 'for one Dockerfile: ctxsrc key --build --known docker-image://REPO';

async function earlierOf(run: Run, since: string): Promise<EarlierInputs> {
  if (isImageReference(since)) {
    const what = 'a repository remembers keys of builds, and not their inputs';
    throw new CtxsrcError('E_USAGE', what, { hint: `give a FILE of ctxsrc inputs --json; ${ONE_BUILD}` });
  }
  return (await import('../../build/earlier.ts')).readEarlierInputs(since, sinceOf(run));
}

async function printNames(run: Run, request: BuildRequest, work: BuildWork): Promise<undefined> {
  const { refs, unasked } = await buildNames(request, work);
  return printReferences(run, refs, unasked);
}

async function printInputs(
  run: Run,
  request: BuildRequest,
  work: BuildWork,
  flags: Flags,
  earlier: EarlierInputs | undefined,
): Promise<undefined> {
  const answer = await buildKey(request, work);
  const report = inputsReport(answer);
  await tellFindings(run, [answer], flags);
  await run.page(async () => (await import('../../page/inputs-page.ts')).inputsPage(report, earlier));
  const since = earlier && (await import('../../build/earlier.ts'));
  const changes = since?.changedInputs(report, earlier!);
  if (changes !== undefined) await tellChanges(run, changes, report);
  if (run.json) return run.document({ ...report, ...changes });
  const inputs = changes === undefined ? answer.inputs : since!.changedFirst(answer.inputs, changes);
  return run.out(inputsTable({ ...answer, inputs }, run.verbose > 0, screenOf(run.io.stdout, run.io.env, flags.color)));
}

async function tellChanges(run: Run, changes: ChangedInputs, report: InputsReport): Promise<void> {
  run.note(changesText(changes, report));
  const { known, changed } = changes;
  const counts = `${changed.length || 'none'} of ${counted(report.inputs.length, 'input')} changed`;
  await appendStepSummary(run, {
    title: `ctxsrc inputs: ${known || changed.length > 0 ? counts : 'the Dockerfile changed, or what the build was given'}`,
    changed: !known,
    header: ['input', 'key'],
    rows: changed.map(({ name, key = '' }) => [name, key]),
  });
}

function changesText({ known, changed }: ChangedInputs, { inputs }: InputsReport): string {
  if (known) return 'known: nothing has changed';
  if (changed.length === 0) return 'changed: no input, but the Dockerfile or what the build was given';
  const names = listed(changed.map(({ name }) => name));
  return `changed: ${changed.length} of ${counted(inputs.length, 'input')}: ${names}`;
}
