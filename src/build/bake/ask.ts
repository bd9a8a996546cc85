/** Asks about all targets of a bake file; the contexts that were fetched are held until the answers are used. */
import { warnOrRefuse } from '../../core/progress.ts';
import type { BuildRequest, BuildWork, TargetResult } from '../answer.ts';
import type { ReadOptions } from '../request/read.ts';
import type { RemoteContext } from '../request/remote.ts';
import { BuildSources } from '../sources.ts';
import { type AnsweredTarget, answersOf } from './answers.ts';
import type { BakeFile } from './read.ts';
import { type Shared, targetRequest } from './request.ts';

/** The answers about the targets of a file. */
export interface BakeAnswers<T> {
  readonly file: BakeFile;
  /** In the order of the file. */
  readonly answers: readonly AnsweredTarget<T>[];
}

/** How the targets of a file are asked about. */
export interface BakeQuestion<T> extends Pick<ReadOptions, 'env' | 'cwd'> {
  /** What holds for all targets. */
  readonly shared: Shared;
  /** Asks about one target; what several ask of a source is asked once. */
  readonly ask: (request: BuildRequest, work: BuildWork, sources: BuildSources) => Promise<T>;
  /** Told once what a person should know of how targets were read. */
  readonly note: (text: string) => void;
}

/**
 * Hands the answers about the targets of a file to `use`.
 * @throws CtxsrcError those of the question; `E_DOUBTFUL` when the job is strict and a target leaves the decision open
 */
export async function askTargets<T extends TargetResult, R>(
  file: BakeFile,
  work: BuildWork,
  { env, cwd, shared, ask, note }: BakeQuestion<T>,
  use: (answers: BakeAnswers<T>) => Promise<R>,
): Promise<R> {
  const { job } = work;
  const sources = new BuildSources(work);
  const remotes: RemoteContext[] = [];
  const fetch = async (ref: string, keepGitDir: boolean): Promise<RemoteContext> => {
    const { openRemote } = await import('../request/remote.ts');
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
  try {
    const answers = await answersOf(file, async (target, results) => {
      const options = { env, cwd, fetch, signal: job.signal };
      const read = await targetRequest(target, file, shared, results, options);
      for (const text of read.notes) once(text, () => note(text));
      for (const { text, hint } of read.doubts) once(text, () => warnOrRefuse(job, 'E_DOUBTFUL', text, hint));
      return ask(read.request, work, sources);
    });
    return await use({ file, answers });
  } finally {
    for (const remote of remotes) await remote.release();
  }
}
