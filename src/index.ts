/**
 * ctxsrc as a library: keys, digests and snapshots of build-context sources. Nothing is printed, nothing of the process
 * is changed; every function takes an `AbortSignal` and tells its progress as typed events.
 */
import { setMaxListeners } from 'node:events';
import { resolve as resolvePath } from 'node:path';
import type { Attributes, NetworkOptions, Source, SourceEnv, WriteOptions } from './contract/index.ts';
import type { Loss } from './contract/ref.ts';
import { type ProgressEvent, silentProgress } from './core/progress.ts';
import { solverDigest } from './core/solver-digest.ts';
import { DEFAULT_LIMITS, writeSnapshot } from './snapshot/write-snapshot.ts';
import { defaultCacheDir } from './source/cache-dir.ts';
import { openEnvironment } from './source/environment.ts';
import {
  allKeys,
  type Resolved as ResolvedReference,
  resolve as resolveReference,
  withReference,
} from './source/resolve.ts';
import { SourceTable } from './source/table.ts';

export type * from './contract/index.ts';
export { type Digest, isDigest, parseDigest } from './core/digest.ts';
export { CtxsrcError, ERROR_EXITS, type ErrorCode, ioError, isCtxsrcError } from './core/errors.ts';
export type { Phase, Progress, ProgressEvent } from './core/progress.ts';
export { VERSION } from './core/version.ts';

/** What every function takes. */
export interface Options {
  /** Attributes by the names of their flags: `{ platform: 'linux/arm64', exclude: ['*.log'] }`. */
  readonly attributes?: Attributes | undefined;
  /** The store; the one that the command line would use when absent. */
  readonly cacheDir?: string | undefined;
  readonly offline?: boolean | undefined;
  /** Retries, mirrors, TLS; durations in milliseconds. */
  readonly network?: Partial<NetworkOptions> | undefined;
  /** Most that is read of a source that is fetched as a whole. */
  readonly limits?: SourceEnv['limits'];
  /** A docker config.json with credentials. */
  readonly registryConfig?: string | undefined;
  /** Sources beside the built-in ones. */
  readonly sources?: readonly Source[] | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((event: ProgressEvent) => void) | undefined;
}

/** What a reference points at now. */
export interface Resolution {
  readonly reference: string;
  readonly scheme: string;
  /** Normalised; it identifies the same. */
  readonly identifier: string;
  /** Root digest, as `ctxsrc digest` prints it. */
  readonly digest: string;
  readonly mediaType?: string | undefined;
  /** The reference with its root digest; absent where there is no such form. */
  readonly pinned?: string | undefined;
}

/** The keys of a reference. */
export interface Keys {
  /** Content key: the last of `keys`. */
  readonly key: string;
  readonly keys: readonly {
    readonly key: string;
    readonly pin: string;
    readonly done: boolean;
    readonly solver: string;
  }[];
  /** What could not be seen, for instance `xattrs`. */
  readonly incomplete: readonly string[];
}

export interface SnapshotOptions extends Options {
  readonly force?: boolean | undefined;
  readonly strict?: boolean | undefined;
  readonly write?: Partial<WriteOptions> | undefined;
}

export interface SnapshotResult {
  readonly key: string;
  /** `unchanged`: the same snapshot was there, intact. */
  readonly status: 'written' | 'unchanged';
  readonly dir: string;
  readonly files: number;
  readonly bytes: number;
  /** What the files lack, for instance owners when not root. */
  readonly losses: readonly Loss[];
}

/**
 * What a reference points at now: at most one request.
 * @throws CtxsrcError, as every function here; its `code` and `exit` are those of the command line
 */
export async function resolve(reference: string, options: Options = {}): Promise<Resolution> {
  return withSource(reference, options, async ({ resolved, job }) => {
    const digests = await resolved.instance.digests?.(job);
    const pin = digests?.digest ?? (await allKeys(resolved.instance, job)).at(-1)!.pin;
    return {
      reference,
      scheme: resolved.identifier.scheme,
      identifier: resolved.identifier.toString(),
      digest: pin,
      mediaType: digests?.mediaType,
      pinned: digests?.pinned,
    };
  });
}

/** The keys of a reference, as BuildKit computes them, and the digest its solver derives from each. Layers are never read. */
export async function cacheKey(reference: string, options: Options = {}): Promise<Keys> {
  return withSource(reference, options, async ({ resolved, job }) => {
    const keys = await allKeys(resolved.instance, job);
    return {
      key: keys.at(-1)!.key,
      keys: keys.map(({ key, pin, done }) => ({ key, pin, done, solver: solverDigest(key) })),
      incomplete: [...new Set(keys.flatMap((result) => result.incomplete ?? []))],
    };
  });
}

/** Writes the files of a reference into `dir`, whole or not at all. */
export async function snapshot(reference: string, dir: string, options: SnapshotOptions = {}): Promise<SnapshotResult> {
  const limits = options.limits ?? options.write?.limits;
  return withSource(reference, { ...options, limits }, async ({ resolved, job, store }) => {
    const keys = await allKeys(resolved.instance, job);
    const {
      status,
      dir: written,
      sidecar,
    } = await writeSnapshot(job, {
      reference,
      source: resolved.source,
      identifier: resolved.identifier,
      instance: resolved.instance,
      keys,
      store,
      target: dir,
      options: { owner: 'auto', mode: 'auto', limits: DEFAULT_LIMITS, ...options.write },
      force: options.force ?? false,
      strict: options.strict ?? false,
    });
    const { files, bytes, losses } = sidecar;
    return { key: keys.at(-1)!.key, status, dir: written, files, bytes, losses };
  });
}

interface Work {
  readonly resolved: ResolvedReference;
  readonly job: {
    session: Awaited<ReturnType<typeof openEnvironment>>['session'];
    signal: AbortSignal;
    progress: typeof silentProgress;
  };
  readonly store: Awaited<ReturnType<typeof openEnvironment>>['store'];
}

async function withSource<T>(reference: string, options: Options, work: (given: Work) => Promise<T>): Promise<T> {
  const table = new SourceTable();
  for (const source of options.sources ?? []) table.add(source, source.schemes.join(', '));
  const progress = options.onProgress === undefined ? silentProgress : { emit: options.onProgress };
  const environment = await openEnvironment({
    cacheDir: options.cacheDir === undefined ? defaultCacheDir(process.env) : resolvePath(options.cacheDir),
    offline: options.offline,
    network: options.network,
    limits: options.limits,
    registryConfig: options.registryConfig,
    progress,
  });
  try {
    const resolved = await resolveReference(table, reference, options.attributes ?? {}, environment.env);
    const { signal = new AbortController().signal } = options;
    // One signal may end many calls at once, and each of them listens in several places.
    setMaxListeners(0, signal);
    const job = { session: environment.session, signal, progress };
    return await work({ resolved, job, store: environment.store });
  } catch (error) {
    throw withReference(error, reference);
  } finally {
    await environment.close();
  }
}
