import { closest } from '../../core/closest.ts';
import { CtxsrcError, ERROR_EXITS, type ErrorCode, EXIT_MEANINGS } from '../../core/errors.ts';
import { EXPLANATIONS } from '../help/explanations.ts';
import type { Run } from '../run.ts';
import { screenOf, wrapped } from '../screen.ts';

/** `ctxsrc explain [code]`: explains an error code, or lists the error codes of an exit code. */
export async function run(run: Run, args: readonly string[]): Promise<undefined> {
  const [wanted] = args;
  if (wanted === undefined) return list(run);
  if (/^\d+$/.test(wanted)) return explainExit(run, Number(wanted));
  const name = wanted.toUpperCase();
  const code = (name.startsWith('E_') ? name : `E_${name}`) as ErrorCode;
  const explanation = Object.hasOwn(EXPLANATIONS, code) ? EXPLANATIONS[code] : undefined;
  if (explanation === undefined) {
    const similar = closest(code, Object.keys(EXPLANATIONS));
    throw new CtxsrcError('E_USAGE', `there is no error code ${JSON.stringify(wanted)}`, {
      hint: similar === undefined ? 'ctxsrc explain lists them all' : `type ctxsrc explain ${similar}`,
    });
  }
  const exit = ERROR_EXITS[code];
  if (run.json) return run.document({ code, exit, ...explanation });
  await run.line(`${code} (exit ${exit})`);
  await paragraph(run, explanation.cause, 0);
  await run.line('check:');
  for (const check of explanation.check) await paragraph(run, check, 2);
  await run.line('example:');
  await run.line(`  ${explanation.example}`);
}

async function explainExit(run: Run, exit: number): Promise<undefined> {
  const meaning = EXIT_MEANINGS[exit];
  if (meaning === undefined) {
    throw new CtxsrcError('E_USAGE', `ctxsrc never ends with the exit code ${exit}`, {
      hint: `its exit codes are ${Object.keys(EXIT_MEANINGS).join(', ')}`,
    });
  }
  const codes = Object.entries(ERROR_EXITS).flatMap(([code, of]) => (of === exit ? [code as ErrorCode] : []));
  if (run.json) return run.document({ exit, meaning, codes });
  await run.line(`exit ${exit}: ${meaning}`);
  for (const code of codes) await paragraph(run, `${code}: ${EXPLANATIONS[code].cause}`, 2);
}

/** One line in a pipe; on a screen as many as it takes, words whole. */
async function paragraph(run: Run, text: string, indent: number): Promise<void> {
  for (const one of wrapped(screenOf(run.io.stdout, run.io.env, run.flags.color), text, indent)) await run.line(one);
}

async function list(run: Run): Promise<undefined> {
  const codes = Object.entries(ERROR_EXITS);
  if (run.json) return run.document({ codes: codes.map(([code, exit]) => ({ code, exit })) });
  for (const [code, exit] of codes) await run.line(`${String(exit).padStart(3)}  ${code}`);
}
