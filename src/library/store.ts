/** The store and the machine for programs: what `ctxsrc cache ls`, `du`, `prune` and `ctxsrc doctor` do. */
import { setMaxListeners } from 'node:events';
import { resolve } from 'node:path';
import type { JobContext } from '../contract/session.ts';
import type { NetworkOptions } from '../contract/source.ts';
import type { PruneOptions, PruneReport, Store, StoreAdmin, StoreItem, UsageReport } from '../contract/store.ts';
import { type Check, call, flag, given, list, members, nonEmpty, positive } from '../core/check-options.ts';
import { type ProgressEvent, silentProgress } from '../core/progress.ts';
import { clearLeftovers } from '../snapshot/write/leftovers.ts';
import { defaultCacheDir } from '../source/cache-dir.ts';
import { DEFAULT_NETWORK, openEnvironment } from '../source/environment.ts';
import { type DoctorReport, examine } from '../upkeep/doctor.ts';
import { NETWORK, SIGNAL } from './option-checks.ts';

export interface StoreOptions {
  /** The store; the one that the command line would use when absent. */
  readonly cacheDir?: string | undefined;
  /** Only items that match every filter: `kind=snapshot`, `name~=regular expression`. */
  readonly filter?: readonly string[] | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((event: ProgressEvent) => void) | undefined;
}

/** Sizes in bytes, durations in milliseconds. */
export interface PruneStoreOptions extends StoreOptions, Omit<PruneOptions, 'estimate' | 'filter'> {}

export interface DoctorOptions {
  /** The store; the one that the command line would use when absent. */
  readonly cacheDir?: string | undefined;
  readonly network?: Partial<NetworkOptions> | undefined;
  /** A docker config.json with credentials. */
  readonly registryConfig?: string | undefined;
  /** Also try the configured registries, by one request each. */
  readonly test?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

const STORE = {
  cacheDir: nonEmpty,
  filter: list,
  signal: SIGNAL,
  onProgress: call,
} satisfies Record<keyof StoreOptions, Check>;

const PRUNE = {
  ...STORE,
  maxSize: positive,
  keepDuration: positive,
  all: flag,
  dryRun: flag,
} satisfies Record<keyof PruneStoreOptions, Check>;

const DOCTOR = {
  cacheDir: nonEmpty,
  network: NETWORK,
  registryConfig: nonEmpty,
  test: flag,
  signal: SIGNAL,
} satisfies Record<keyof DoctorOptions, Check>;

/** The items of the store, last used first. */
export async function listStore(options: StoreOptions = {}): Promise<readonly StoreItem[]> {
  members(STORE)(options, '');
  return withStore(options, (store) => store.list(options.filter));
}

/** What the store takes of the disk, by name. */
export async function storeUsage(options: StoreOptions = {}): Promise<UsageReport> {
  members(STORE)(options, '');
  return withStore(options, (store) => store.usage(options.filter));
}

/**
 * Removes what the options choose, and what killed runs left beside their targets (`leftovers`); by default what
 * nothing refers to. What a running process uses stays.
 */
export async function pruneStore(
  options: PruneStoreOptions = {},
): Promise<PruneReport & { readonly leftovers: readonly string[] }> {
  members(PRUNE)(options, '');
  const { cacheDir: _dir, signal: _signal, onProgress: _call, ...chosen } = options;
  return withStore(options, async (store, job) => {
    const leftovers = await clearLeftovers(job, store, chosen.dryRun === true);
    return { ...(await store.prune(job, chosen)), leftovers };
  });
}

/** Checks this machine and its settings; a fault is in the report, not thrown. */
export async function doctor(options: DoctorOptions = {}): Promise<DoctorReport> {
  members(DOCTOR)(options, '');
  const { cacheDir, network = {}, registryConfig, test = false, signal = new AbortController().signal } = options;
  const surroundings = {
    env: process.env,
    cacheDir: storeOf(cacheDir),
    cacheDirGiven: cacheDir !== undefined,
    network: { ...DEFAULT_NETWORK, ...given(network) },
    registryConfig,
    signal,
  };
  return examine(surroundings, test);
}

const storeOf = (cacheDir: string | undefined): string =>
  cacheDir === undefined ? defaultCacheDir(process.env) : resolve(cacheDir);

async function withStore<T>(
  { cacheDir, signal = new AbortController().signal, onProgress }: StoreOptions,
  work: (store: Store & StoreAdmin, job: JobContext) => Promise<T>,
): Promise<T> {
  const progress = onProgress === undefined ? silentProgress : { emit: onProgress };
  const environment = await openEnvironment({ cacheDir: storeOf(cacheDir), progress });
  setMaxListeners(0, signal);
  try {
    return await work(environment.store, { session: environment.session, signal, progress, strict: false });
  } finally {
    await environment.close();
  }
}
