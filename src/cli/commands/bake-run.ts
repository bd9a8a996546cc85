/** What `inputs` and `key --build` do with `--from`: the file read, its targets asked, notes told once. */
import type { BuildRequest, BuildWork, TargetResult } from '../../build/answer.ts';
import { type AnsweredTarget, answersOf } from '../../build/bake/answers.ts';
import { type BakeFile, readBakeFile } from '../../build/bake/read.ts';
import { targetRequest } from '../../build/bake/request.ts';
import type { RemoteContext } from '../../build/request/remote.ts';
import { BuildSources } from '../../build/sources.ts';
import { warnOrRefuse } from '../../core/progress.ts';
import { idleNote, sharedLineOf } from '../build-flags.ts';
import { type Flags, textFlag } from '../flags.ts';
import type { Run } from '../run.ts';

export interface BakeAnswers<T> {
  readonly file: BakeFile;
  /** In the order of the file. */
  readonly answers: readonly AnsweredTarget<T>[];
}

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
  const { signal } = run;
  const file = await readBakeFile(textFlag(flags, 'from')!, names, { cwd, env, signal });
  const job = await run.job();
  const work = { table: run.table, env: (await run.environment()).env, job };
  const sources = new BuildSources(work);
  const remotes: RemoteContext[] = [];
  const fetch = async (ref: string, keepGitDir: boolean): Promise<RemoteContext> => {
    const { openRemote } = await import('../../build/request/remote.ts');
    const remote = await openRemote(ref, keepGitDir, work);
    remotes.push(remote);
    return remote;
  };
  const told = new Set<string>();
  const once = (text: string, tell: () => void): void => {
    if (told.has(text)) return;
    told.add(text);
    tell();
  };
  const idle = idleNote(flags);
  if (idle !== undefined) run.note(idle);
  try {
    const answers = await answersOf(file, async (target, results) => {
      const read = await targetRequest(target, file, shared, results, { env, cwd, fetch, signal });
      for (const note of read.notes) once(note, () => run.note(note));
      for (const { text, hint } of read.doubts) once(text, () => warnOrRefuse(job, 'E_DOUBTFUL', text, hint));
      return ask(read.request, work, sources);
    });
    return await use({ file, answers });
  } finally {
    for (const remote of remotes) await remote.release();
  }
}
