import type { BuildRequest, BuildWork } from '../../build/answer.ts';
import { buildKey } from '../../build/build-key.ts';
import { buildNames } from '../../build/build-names.ts';
import { inputsReport } from '../../build/report.ts';
import { CtxsrcError } from '../../core/errors.ts';
import type { Flags } from '../flags.ts';
import { inputsTable } from '../inputs-table.ts';
import type { Run } from '../run.ts';
import { screenOf } from '../screen.ts';
import { printReferences, tellFindings, withBuild } from './build-run.ts';

/** `ctxsrc inputs [DIR]` */
export async function run(run: Run, args: readonly string[], flags: Flags): Promise<undefined> {
  if (flags.from !== undefined) return (await import('./bake-inputs.ts')).run(run, args, flags);
  const [dir, more] = args;
  const idle = ['changedSince', 'githubOutput'].some((name) => flags[name] !== undefined);
  if (idle || more !== undefined) {
    const what = idle ? '--changed-since and its output tell of the targets of --from' : 'there are two directories';
    throw new CtxsrcError('E_USAGE', what, {
      hint: idle
        ? 'name the bake or compose file with --from; for one Dockerfile: ctxsrc key --build --known docker-image://REPO'
        : 'give the build context; targets of a bake file need --from FILE',
    });
  }
  return withBuild(run, dir, flags, (request, work) =>
    (flags.names === true ? printNames : printInputs)(run, request, work, flags),
  );
}

async function printNames(run: Run, request: BuildRequest, work: BuildWork): Promise<undefined> {
  const { refs, unasked } = await buildNames(request, work);
  return printReferences(run, refs, unasked);
}

async function printInputs(run: Run, request: BuildRequest, work: BuildWork, flags: Flags): Promise<undefined> {
  const answer = await buildKey(request, work);
  await tellFindings(run, [answer], flags);
  await run.page(async () => (await import('../../page/inputs-page.ts')).inputsPage(inputsReport(answer)));
  return run.json
    ? run.document(inputsReport(answer))
    : run.out(inputsTable(answer, run.verbose > 0, screenOf(run.io.stdout, run.io.env, flags.color)));
}
