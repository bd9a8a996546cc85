/** A shared cache in a registry of this process, and runs that use it: each has its own store, notes and patience. */
import type { JobContext, SourceEnv } from '../../src/contract/index.ts';
import { openSharedCache } from '../../src/registry/shared-cache/cache.ts';
import { networkOptions } from './registry-job.ts';
import { newJob } from './source-env.ts';

export interface CacheRun {
  readonly job: JobContext;
  /** What a person sees without `--verbose`. */
  readonly notes: string[];
  /** For the options of a source's environment. */
  readonly sharedCache: NonNullable<SourceEnv['sharedCache']>;
}

export interface CacheRunOptions {
  /** Hosts of registries; the repository is `team/cache`. */
  readonly from?: string;
  readonly to?: string;
  readonly private?: boolean;
  readonly strict?: boolean;
  readonly stallTimeout?: number;
}

export const REPOSITORY = 'team/cache';

export function cacheRun({ from, to, strict, stallTimeout = 10_000, ...options }: CacheRunOptions): CacheRun {
  const notes: string[] = [];
  const named = (host: string | undefined) => (host === undefined ? undefined : { host, repository: REPOSITORY });
  const sharedCache = openSharedCache({
    network: networkOptions({ stallTimeout }),
    from: named(from),
    to: named(to),
    private: options.private ?? false,
  });
  const job = newJob({
    ...(strict === undefined ? {} : { strict }),
    progress: {
      emit: (event) => {
        if (event.type === 'message' && (event.level === 'note' || event.level === 'warning')) notes.push(event.text);
      },
    },
  });
  return { job, notes, sharedCache };
}
