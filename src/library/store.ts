/** The store and the machine for programs: what `ctxsrc cache ls`, `du`, `prune` and `ctxsrc doctor` do. */
import type { NetworkOptions } from '../contract/source.ts';
import type {
  PruneOptions,
  PruneReport,
  StoreItem,
  VerifyReport as StoreReport,
  UsageReport,
} from '../contract/store.ts';
import { type Check, call, flag, given, list, members, nonEmpty, positive } from '../core/check-options.ts';
import { orAbort } from '../core/once.ts';
import { clearLeftovers } from '../snapshot/write/leftovers.ts';
import { DEFAULT_NETWORK } from '../source/environment.ts';
import { type DoctorReport, examine } from '../upkeep/doctor.ts';
import { NETWORK, SIGNAL } from './option-checks.ts';
import { PLACE, type PlaceOptions } from './options.ts';
import { cacheDirOf, inPlace, untilAborted } from './place.ts';

/** Options of `listStore` and `storeUsage`. */
export interface StoreOptions extends Pick<PlaceOptions, 'cacheDir' | 'environment' | 'signal' | 'onProgress'> {
  /** Only items that match every filter: `kind=snapshot`, `name~=regular expression`. */
  readonly filter?: readonly string[] | undefined;
}

/** Options of `pruneStore`: sizes in bytes, durations in milliseconds. */
export interface PruneStoreOptions extends StoreOptions, Omit<PruneOptions, 'estimate' | 'filter'> {}

/** Options of `doctor`. */
export interface DoctorOptions {
  /** The store; the one that the command line would use when absent. */
  readonly cacheDir?: string | undefined;
  /** Retries, mirrors, TLS; durations in milliseconds. */
  readonly network?: Partial<NetworkOptions> | undefined;
  /** A docker config.json with credentials. */
  readonly registryConfig?: string | undefined;
  /** Also try the configured registries, by one request each. */
  readonly test?: boolean | undefined;
  /** Ends the call: the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

const STORE = {
  cacheDir: PLACE.cacheDir,
  environment: PLACE.environment,
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

/**
 * The items of the store, last used first.
 * @throws CtxsrcError `E_USAGE` for a filter that is not understood, `E_IO`
 */
export async function listStore(options: StoreOptions = {}): Promise<readonly StoreItem[]> {
  members(STORE)(options, '');
  return inPlace(placeOf(options), ({ store, job }) => orAbort(store.list(options.filter), job.signal));
}

/**
 * What the store takes of the disk, by name, in bytes.
 * @throws CtxsrcError `E_USAGE` for a filter that is not understood, `E_IO`
 */
export async function storeUsage(options: StoreOptions = {}): Promise<UsageReport> {
  members(STORE)(options, '');
  return inPlace(placeOf(options), ({ store, job }) => orAbort(store.usage(options.filter), job.signal));
}

/**
 * Removes what the options choose, and what killed runs left beside their targets (`leftovers`); by default what
 * nothing refers to. What a running process uses stays.
 * @throws CtxsrcError `E_USAGE` for a filter that is not understood, `E_IO`
 */
export async function pruneStore(
  options: PruneStoreOptions = {},
): Promise<PruneReport & { readonly leftovers: readonly string[] }> {
  members(PRUNE)(options, '');
  const { cacheDir: _dir, environment: _opened, signal: _signal, onProgress: _call, ...chosen } = options;
  return inPlace(placeOf(options), async ({ store, job }) => {
    const leftovers = await clearLeftovers(job, store, chosen.dryRun === true);
    return { ...(await store.prune(job, chosen)), leftovers };
  });
}

/**
 * Reads all that the store has and removes what is damaged, as `ctxsrc cache verify` does; what was is in `problems`.
 * @throws CtxsrcError `E_USAGE` for an option that is not known, `E_IO`
 */
export async function verifyStore(options: Omit<StoreOptions, 'filter'> = {}): Promise<StoreReport> {
  const { filter: _, ...known } = STORE;
  members(known)(options, '');
  return inPlace(placeOf(options), ({ store, job }) => store.verify(job));
}

/**
 * Checks this machine and its settings; a fault is in the report, not thrown.
 * @throws CtxsrcError `E_USAGE` for an option that is not known
 */
export async function doctor(options: DoctorOptions = {}): Promise<DoctorReport> {
  members(DOCTOR)(options, '');
  const { cacheDir, network = {}, registryConfig, test = false } = options;
  return untilAborted(options.signal, async (signal) => {
    const surroundings = {
      env: process.env,
      cacheDir: cacheDirOf({ cacheDir }),
      cacheDirGiven: cacheDir !== undefined,
      network: { ...DEFAULT_NETWORK, ...given(network) },
      registryConfig,
      signal,
    };
    const report = await examine(surroundings, test);
    // An aborted check is a row like any other: the report would be of something that nobody waited for.
    signal.throwIfAborted();
    return report;
  });
}

function placeOf({ cacheDir, environment, signal, onProgress }: StoreOptions): PlaceOptions {
  return { cacheDir, environment, signal, onProgress };
}
