/** What a source is given to work with in tests: a real store in a temporary directory, a session with secrets. */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type {
  JobContext,
  SourceEnv,
  SourceInstance,
  Store,
  WriteOptions,
  WriteReport,
} from '../../src/contract/index.ts';
import { type Progress, silentProgress } from '../../src/core/progress.ts';
import { openStore } from '../../src/store/store.ts';
import { tempDir } from './temp.ts';

export function newStore(): Promise<Store> {
  return openStore({ root: tempDir('store') });
}

/** Loses every blob of the store, as a collection does. */
export function dropBlobs(store: Store): void {
  const dir = join(store.root, 'blobs');
  for (const algorithm of readdirSync(dir)) {
    for (const name of readdirSync(join(dir, algorithm))) rmSync(join(dir, algorithm, name));
  }
}

export interface JobOptions {
  readonly signal?: AbortSignal;
  readonly secrets?: Readonly<Record<string, string>>;
  readonly progress?: Progress;
  readonly strict?: boolean;
}

export function newJob(options: JobOptions = {}): JobContext {
  return {
    session: {
      id: 'test-session',
      credentials: async () => undefined,
      secret: async (name) => options.secrets?.[name],
      localDirectory: () => undefined,
    },
    signal: options.signal ?? new AbortController().signal,
    progress: options.progress ?? silentProgress,
    strict: options.strict,
  };
}

export interface EnvOptions {
  readonly offline?: boolean;
  readonly network?: Partial<SourceEnv['network']>;
  readonly limits?: SourceEnv['limits'];
  readonly sharedCache?: SourceEnv['sharedCache'];
}

export function newEnv(store: Store, options: EnvOptions = {}): SourceEnv {
  return {
    store,
    offline: options.offline ?? false,
    statCache: true,
    limits: options.limits,
    sharedCache: options.sharedCache,
    defaultPlatform: 'linux/amd64',
    network: {
      plainHttp: [],
      insecure: [],
      mirrors: [],
      retry: 0,
      maxWait: 1000,
      stallTimeout: 20_000,
      parallel: 4,
      ...options.network,
    },
  };
}

export const WRITE_OPTIONS: WriteOptions = {
  owner: 'auto',
  mode: 'auto',
  limits: { maxBytes: 1e9, maxFiles: 1e6, maxRatio: 1000 },
};

/** Writes a snapshot of the instance into a fresh directory. */
export async function writeSnapshot(
  instance: SourceInstance,
  options: Partial<WriteOptions> = {},
  job: JobContext = newJob(),
): Promise<{ readonly dir: string; readonly report: WriteReport }> {
  const dir = tempDir('out');
  const ref = await instance.snapshot(job);
  if (ref === null) throw new Error('the source is empty');
  try {
    return { dir, report: await ref.writeTo(job, dir, { ...WRITE_OPTIONS, ...options }) };
  } finally {
    await ref.release();
  }
}
