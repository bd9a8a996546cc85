import { ERROR_EXITS } from '../../core/errors.ts';
import { explainCode, explainExit } from '../../upkeep/explain.ts';
import type { Run } from '../run.ts';
import { screenOf, wrapped } from '../screen.ts';

/** `ctxsrc explain [code]`: explains an error code, or lists the error codes of an exit code. */
export async function run(run: Run, [wanted]: readonly string[]): Promise<undefined> {
  if (wanted === undefined) return list(run);
  if (/^\d+$/.test(wanted)) return printExit(run, Number(wanted));
  const explained = explainCode(wanted);
  if (run.json) return run.document(explained);
  await run.line(`${explained.code} (exit ${explained.exit})`);
  await paragraph(run, explained.cause, 0);
  await run.line('check:');
  for (const check of explained.check) await paragraph(run, check, 2);
  await run.line('example:');
  await run.line(`  ${explained.example}`);
}

async function printExit(run: Run, wanted: number): Promise<undefined> {
  const explained = explainExit(wanted);
  if (run.json) return run.document(explained);
  await paragraph(run, `exit ${explained.exit}: ${explained.meaning}`, 0);
  for (const code of explained.codes) await paragraph(run, `${code}: ${explainCode(code).cause}`, 2);
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
