/** What `inputs` and `key --build` do with `--from`: the file read, its targets asked, notes told once. */
import type { BuildRequest, BuildWork, TargetResult } from '../../build/answer.ts';
import { askTargets, type BakeAnswers } from '../../build/bake/ask.ts';
import { readBakeFile } from '../../build/bake/read.ts';
import type { BuildSources } from '../../build/sources.ts';
import { idleNote, sharedLineOf } from '../build-flags.ts';
import { type Flags, textFlag } from '../flags.ts';
import type { Run } from '../run.ts';

/**
 * Asks about the targets of `--from` for names of targets and groups, and hands the answers to `use`.
 * @param ask about one target; what several ask of a source is asked once
 */
export async function withBake<T extends TargetResult, R>(
  run: Run,
  names: readonly string[],
  flags: Flags,
  ask: (request: BuildRequest, work: BuildWork, sources: BuildSources) => Promise<T>,
  use: (answers: BakeAnswers<T>) => Promise<R>,
): Promise<R> {
  const shared = sharedLineOf(flags);
  const { env, cwd } = run.io;
  const file = await readBakeFile(textFlag(flags, 'from')!, names, { cwd, env, signal: run.signal });
  const work = { table: run.table, env: (await run.environment()).env, job: await run.job() };
  const idle = idleNote(flags);
  if (idle !== undefined) run.note(idle);
  return askTargets(file, work, { env, cwd, shared, ask, note: (text) => run.note(text) }, use);
}
