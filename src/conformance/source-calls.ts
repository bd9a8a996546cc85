/** The two calls that do a source's work, in a form whose answers can be compared. */
import type { JobContext, SourceEnv } from '../contract/index.ts';
import { allKeys } from '../source/resolve.ts';
import type { Bench } from './bench.ts';
import { snapshotTree, type Tree, treeDifference } from './tree.ts';

export interface SourceCall<T> {
  readonly name: string;
  /** `answered` is called when the source has answered, before anything else is done with it. */
  readonly run: (bench: Bench, env: SourceEnv, job: JobContext, answered?: () => void) => Promise<T>;
  /** Where two answers differ; undefined when they are the same. */
  readonly difference: (a: T, b: T) => string | undefined;
}

const keys: SourceCall<readonly string[]> = {
  name: 'cacheKey',
  run: async (bench, env, job, answered) => {
    const all = await allKeys(bench.instance(env), job);
    answered?.();
    return all.map(({ key, pin }) => `${key} (pin ${pin})`);
  },
  difference: (a, b) => {
    const at = a.findIndex((key, index) => key !== b[index]);
    return at < 0 ? undefined : `key ${at} is ${a[at]} in one, ${b[at]} in the other`;
  },
};

/** The files are made too: a lazy snapshot does its work only then. */
const files: SourceCall<Tree | undefined> = {
  name: 'snapshot',
  run: (bench, env, job, answered) => snapshotTree(bench.instance(env), job, answered),
  difference: treeDifference,
};

export const SOURCE_CALLS = [keys, files] as readonly SourceCall<unknown>[];
