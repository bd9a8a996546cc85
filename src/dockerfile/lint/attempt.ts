import { isCtxsrcError } from '../../core/errors.ts';
import { DockerfileProblem } from '../problem.ts';

/** What the work gives; undefined for a fault of the Dockerfile, which the build itself tells. */
export function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof DockerfileProblem || isCtxsrcError(error)) return undefined;
    throw error;
  }
}
