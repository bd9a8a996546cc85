/** A build line read, and its context held while questions about it are answered. */
import { warnOrRefuse } from '../../core/progress.ts';
import type { BuildRequest, BuildWork } from '../answer.ts';
import type { BuildLine } from './line.ts';
import { type ReadOptions, readRequest } from './read.ts';
import type { RemoteContext } from './remote.ts';

/**
 * Reads a build line and hands the request to `use`, with what a person should know of how the line was read.
 * @throws CtxsrcError `E_DOUBTFUL` when the job is strict and the line leaves the decision open
 */
export async function withRequest<T>(
  line: BuildLine,
  work: BuildWork,
  { env, cwd }: Pick<ReadOptions, 'env' | 'cwd'>,
  use: (request: BuildRequest, notes: readonly string[]) => Promise<T>,
): Promise<T> {
  const { job } = work;
  let remote: RemoteContext | undefined;
  try {
    const { request, notes, doubts } = await readRequest(line, {
      env,
      cwd,
      signal: job.signal,
      fetch: async (ref, keepGitDir) => {
        const { openRemote } = await import('./remote.ts');
        remote = await openRemote(ref, keepGitDir, work);
        return remote;
      },
    });
    for (const { text, hint } of doubts) warnOrRefuse(job, 'E_DOUBTFUL', text, hint);
    return await use(request, notes);
  } finally {
    await remote?.release();
  }
}
