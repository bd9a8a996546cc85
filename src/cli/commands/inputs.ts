import type { BuildRequest, BuildWork } from '../../build/answer.ts';
import { buildKey, buildNames } from '../../build/build-key.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import type { Flags } from '../flags.ts';
import { inputsTable } from '../inputs-table.ts';
import type { Run } from '../run.ts';
import { checkCovered, findingText, inputsMembers, withBuild } from './build-run.ts';

/** `ctxsrc inputs [DIR]` */
export async function run(run: Run, [dir]: readonly string[], flags: Flags): Promise<undefined> {
  return withBuild(run, dir, flags, (request, work) =>
    (flags.names === true ? printNames : printInputs)(run, request, work),
  );
}

async function printNames(run: Run, request: BuildRequest, work: BuildWork): Promise<undefined> {
  const { refs, unasked } = await buildNames(request, work);
  if (unasked.length > 0) tellUnasked(run, unasked);
  if (run.json) return run.document({ names: refs, unasked });
  for (const ref of refs) await run.line(ref);
}

async function printInputs(run: Run, request: BuildRequest, work: BuildWork): Promise<undefined> {
  const answer = await buildKey(request, work);
  checkCovered(run, answer);
  const findings = answer.findings.filter(({ unrepeatable }) => unrepeatable || run.verbose > 0);
  for (const finding of findings) run.note(findingText(answer, finding), 'warning');
  return run.json ? run.document(inputsMembers(answer)) : run.out(inputsTable(answer, run.verbose > 0));
}

function tellUnasked(run: Run, unasked: readonly string[]): void {
  const text = `offline ${unasked.map(printable).join(', ')} cannot be asked for ENV and ONBUILD, which may lead to more`;
  if (run.flags.strict === true) {
    throw new CtxsrcError('E_OFFLINE', text, { hint: 'leave --offline out, or name the images by digest' });
  }
  run.note(text, 'warning');
}
