/** The two calls that do a source's work, with comparable results. */
import type { JobContext, SourceEnv } from '../contract/index.ts';
import { allKeys } from '../source/resolve.ts';
import type { Bench } from './bench.ts';
import { snapshotTree, type Tree, treeDifference } from './tree.ts';

export interface SourceCall<T> {
  readonly name: string;
  /** `answered` is called when the source has returned, before its result is used. */
  readonly run: (bench: Bench, env: SourceEnv, job: JobContext, answered?: () => void) => Promise<T>;
  /** The difference between two results; undefined if they are equal. */
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

/** The files are made, too: a lazy snapshot does its work only then. */
const files: SourceCall<Tree | undefined> = {
  name: 'snapshot',
  run: (bench, env, job, answered) => snapshotTree(bench.instance(env), job, answered),
  difference: treeDifference,
};

export const SOURCE_CALLS = [keys, files] as readonly SourceCall<unknown>[];
