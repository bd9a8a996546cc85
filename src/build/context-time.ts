/** The time of a context that was fetched, which a build may take whatever files it takes of it. */
import type { BuildGraph } from '../dockerfile/graph/types.ts';
import type { BuildRequest } from './answer.ts';

/** Whether the time of the main context counts. */
export function takesContextTime({ results }: BuildGraph): boolean {
  return results.some((result) => result.takesContextTime);
}

/** What stands for that time in a key: which commit or download it is that decides. */
export function timeOfContext(graph: BuildGraph, { remote }: BuildRequest): [name: string, value: string][] {
  return takesContextTime(graph) && remote?.key !== undefined ? [['SOURCE_DATE_EPOCH', remote.key]] : [];
}
