import { CtxsrcError, ERROR_EXITS, type ErrorCode } from '../../core/errors.ts';
import { EXPLANATIONS } from '../explanations.ts';
import type { Run } from '../run.ts';

/** `ctxsrc explain [code]` */
export async function run(run: Run, args: readonly string[]): Promise<undefined> {
  const [wanted] = args;
  if (wanted === undefined) return list(run);
  const code = wanted.toUpperCase() as ErrorCode;
  const explanation = Object.hasOwn(EXPLANATIONS, code) ? EXPLANATIONS[code] : undefined;
  if (explanation === undefined) {
    throw new CtxsrcError('E_USAGE', `there is no error code ${JSON.stringify(wanted)}`, {
      hint: 'ctxsrc explain lists them all',
    });
  }
  const exit = ERROR_EXITS[code];
  if (run.json) {
    await run.out(`${JSON.stringify({ schema: 'ctxsrc/v1', code, exit, ...explanation })}\n`);
    return;
  }
  await run.line(`${code} (exit ${exit})`);
  await run.line(explanation.cause);
  await run.line('check:');
  for (const check of explanation.check) await run.line(`  ${check}`);
  await run.line('example:');
  await run.line(`  ${explanation.example}`);
}

async function list(run: Run): Promise<undefined> {
  const codes = Object.entries(ERROR_EXITS);
  if (run.json) {
    await run.out(`${JSON.stringify({ schema: 'ctxsrc/v1', codes: codes.map(([code, exit]) => ({ code, exit })) })}\n`);
    return;
  }
  for (const [code, exit] of codes) await run.line(`${String(exit).padStart(3)}  ${code}`);
}
