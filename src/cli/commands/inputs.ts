import type { BuildRequest, BuildWork } from '../../build/answer.ts';
import { buildKey, buildNames } from '../../build/build-key.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import type { Flags } from '../flags.ts';
import { inputsTable } from '../inputs-table.ts';
import type { Run } from '../run.ts';
import { checkCovered, inputsDocument, withBuild } from './build-run.ts';

/** `ctxsrc inputs [DIR]` */
export async function run(run: Run, [dir]: readonly string[], flags: Flags): Promise<undefined> {
  return withBuild(run, dir, flags, (request, work) =>
    (flags.names === true ? printNames : printInputs)(run, request, work),
  );
}

async function printNames(run: Run, request: BuildRequest, work: BuildWork): Promise<undefined> {
  const { refs, unasked } = await buildNames(request, work);
  if (unasked.length > 0) tellUnasked(run, unasked);
  if (run.json) await run.out(`${JSON.stringify({ schema: 'ctxsrc/v1', names: refs, unasked })}\n`);
  else for (const ref of refs) await run.line(ref);
}

async function printInputs(run: Run, request: BuildRequest, work: BuildWork): Promise<undefined> {
  const answer = await buildKey(request, work);
  checkCovered(run, answer);
  await run.out(run.json ? `${JSON.stringify(inputsDocument(answer))}\n` : inputsTable(answer, run.verbose > 0));
}

function tellUnasked(run: Run, unasked: readonly string[]): void {
  const text = `the configuration of ${unasked.map(printable).join(', ')} is not in the store: its ENV and ONBUILD may lead to more`;
  if (run.flags.strict === true) {
    throw new CtxsrcError('E_OFFLINE', text, { hint: 'leave --offline out once: configurations stay in the store' });
  }
  run.note(text, 'warning');
}
