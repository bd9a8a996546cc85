/** What `key --build` and `inputs` have in common: the build line read, its notes told, the answer checked. */
import type { BuildAnswer, BuildRequest, BuildWork } from '../../build/answer.ts';
import { readRequest } from '../../build/request/read.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { warnOrRefuse } from '../../core/progress.ts';
import { buildLineOf, idleNote } from '../build-flags.ts';
import type { Flags } from '../flags.ts';
import type { Run } from '../run.ts';

/** The build that the arguments describe, and what answers questions about it. */
export async function readBuild(
  run: Run,
  dir: string | undefined,
  flags: Flags,
): Promise<{ readonly request: BuildRequest; readonly work: BuildWork }> {
  const line = buildLineOf(dir, flags);
  const { request, notes, doubts } = await readRequest(line, run.io.env, run.io.cwd, run.signal);
  const idle = idleNote(flags);
  for (const note of idle === undefined ? notes : [idle, ...notes]) run.note(note);
  const job = await run.job();
  for (const doubt of doubts) warnOrRefuse(job, 'E_DOUBTFUL', doubt, 'unset it for ctxsrc, or leave --strict out');
  return { request, work: { table: run.table, env: (await run.environment()).env, job } };
}

/** Properties of files that the key could not cover are a warning, or exit 8 with `--strict`. */
export function checkCovered(run: Run, { file, incomplete }: BuildAnswer): void {
  if (incomplete.length === 0) return;
  const text = `the key of ${printable(file)} does not cover ${incomplete.join(', ')}`;
  if (run.flags.strict === true) {
    throw new CtxsrcError('E_INCOMPLETE', text, {
      details: { incomplete },
      hint: 'install the optional package koffi, or leave --strict out',
    });
  }
  run.note(text, 'warning');
}

/** The document of `inputs --json`. */
export function inputsDocument(answer: BuildAnswer): Record<string, unknown> {
  const { file, target, platforms, key, frontend, inputs, unkeyed, incomplete } = answer;
  return {
    schema: 'ctxsrc/v1',
    file,
    target,
    platforms,
    key,
    frontend: frontend ?? null,
    inputs,
    unkeyed,
    incomplete,
  };
}
