/**
 * ctxsrc as a library: keys, digests and snapshots of build-context sources. Nothing is printed, nothing of the process
 * is changed; every function takes an `AbortSignal` and tells its progress as typed events.
 */
import { setMaxListeners } from 'node:events';
import { resolve as resolvePath } from 'node:path';
import type { CacheKeyResult, JobContext, NetworkOptions, Source, SourceEnv, WriteOptions } from './contract/index.ts';
import type { Loss, WriteLimits } from './contract/ref.ts';
import { arrayOf, type Check, call, flag, given, having, members, nonEmpty, positive } from './core/check-options.ts';
import { CtxsrcError } from './core/errors.ts';
import { type ProgressEvent, silentProgress } from './core/progress.ts';
import { solverDigest } from './core/solver-digest.ts';
import { NETWORK, WRITE } from './snapshot/write/option-checks.ts';
import { writeLimits, writeSnapshot } from './snapshot/write/write-snapshot.ts';
import { defaultCacheDir } from './source/cache-dir.ts';
import { checkAttributes } from './source/check-attributes.ts';
import { type Environment, openEnvironment } from './source/environment.ts';
import {
  allKeys,
  type Resolved as ResolvedReference,
  resolve as resolveReference,
  sourceOf,
  withReference,
} from './source/resolve.ts';
import { SourceTable } from './source/table.ts';

export type * from './contract/index.ts';
export { type Digest, isDigest, parseDigest } from './core/digest.ts';
export { CtxsrcError, ERROR_EXITS, type ErrorCode, ioError, isCtxsrcError } from './core/errors.ts';
export { Once } from './core/once.ts';
export type { Phase, Progress, ProgressEvent } from './core/progress.ts';
export { VERSION } from './core/version.ts';

/**
 * The flags of the built-in sources by their names. Each source takes its own only; `ctxsrc sources` lists which. For a
 * source from outside: `declare module 'ctxsrc' { interface SourceAttributes { 'my-flag'?: string } }`.
 */
export interface SourceAttributes {
  /** Images: which one of several, `os/arch[/variant]`; `linux` and the architecture of this machine when absent. */
  readonly platform?: string | undefined;
  /** Images: only the first N layers. */
  readonly 'layer-limit'?: number | undefined;
  /** Images and http: the digest that has to be found. Git: the commit ID, or its beginning. */
  readonly checksum?: string | undefined;
  /** Directories: patterns of what is taken. */
  readonly include?: readonly string[] | undefined;
  /** Directories: patterns of what is left out, after the ignore file's. */
  readonly exclude?: readonly string[] | undefined;
  /** Directories: paths that are taken with every link on the way to them. */
  readonly 'follow-path'?: readonly string[] | undefined;
  /** Directories: the file of patterns to read instead. */
  readonly 'ignore-file'?: string | undefined;
  readonly 'no-ignore-file'?: boolean | undefined;
  /** Directories: the Dockerfile, whose own ignore file goes first. */
  readonly file?: string | undefined;
  /** Directories: `exec` counts only who may execute; `exact` when absent. */
  readonly modes?: 'exact' | 'exec' | undefined;
  /** Directories: the session of the definition key; random when absent. */
  readonly 'session-id'?: string | undefined;
  readonly 'keep-git-dir'?: boolean | undefined;
  readonly 'skip-submodules'?: boolean | undefined;
  /** Git: whose times the files get; `checkout` when absent. */
  readonly mtime?: 'checkout' | 'commit' | undefined;
  /** Git: resolve nothing, the commit is the one of `checksum`. */
  readonly 'fetch-by-commit'?: boolean | undefined;
  /** Git and http: path of a file with a token. */
  readonly 'auth-token-file'?: string | undefined;
  /** Git: path of the file with the ssh host keys to trust. */
  readonly 'known-hosts'?: string | undefined;
  /** Http and blobs: the name of the file. */
  readonly filename?: string | undefined;
  /** Http and blobs: mode of the file, octal with a leading 0. */
  readonly perm?: string | undefined;
  /** Http and blobs: owner of the file, a number. */
  readonly uid?: string | undefined;
  /** Http and blobs: group of the file, a number. */
  readonly gid?: string | undefined;
  /** Http: `NAME: VALUE`, sent to the address's own origin. */
  readonly header?: readonly string[] | undefined;
  /** Http: write what is in the archive. */
  readonly unpack?: boolean | undefined;
  /** Http: with `unpack`, how many leading directories are dropped. */
  readonly 'strip-components'?: number | undefined;
}

/** What every function takes. Names that are not known and values of another type are refused (`E_USAGE`). */
export interface Options {
  /** The flags of the source by their names: `{ platform: 'linux/arm64', exclude: ['*.log'] }`. */
  readonly attributes?: SourceAttributes | undefined;
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
  /**
   * An error instead of a warning: what is doubtful (an image for another platform than was asked for), incomplete, and
   * in a snapshot what would be lost.
   */
  readonly strict?: boolean | undefined;
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
  /** How files are written; limits that are not given are those of the command line. */
  readonly write?: (Partial<Omit<WriteOptions, 'limits'>> & { readonly limits?: Partial<WriteLimits> }) | undefined;
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
    if (options.strict === true) refuseIncomplete(keys);
    return {
      key: keys.at(-1)!.key,
      keys: keys.map(({ key, pin, done }) => ({ key, pin, done, solver: solverDigest(key) })),
      incomplete: unseen(keys),
    };
  });
}

/** Writes the files of a reference into `dir`, whole or not at all. */
export async function snapshot(reference: string, dir: string, options: SnapshotOptions = {}): Promise<SnapshotResult> {
  members(SNAPSHOT_OPTIONS)(options, '');
  nonEmpty(dir, 'dir');
  const { force = false, strict = false, write = {}, ...common } = options;
  const { limits: most = {}, ...others } = given(write);
  const limits = common.limits ?? { maxBytes: most.maxBytes, maxFiles: most.maxFiles };
  return withSource(reference, { ...common, limits, strict }, async ({ resolved, job, store }) => {
    const keys = await allKeys(resolved.instance, job);
    if (strict) refuseIncomplete(keys);
    const { source, identifier, instance } = resolved;
    const written = await writeSnapshot(job, {
      reference,
      source,
      identifier,
      instance,
      keys,
      store,
      target: dir,
      options: { owner: 'auto', mode: 'auto', ...others, limits: writeLimits(given(most)) },
      force,
      strict,
    });
    const { files, bytes, losses } = written.sidecar;
    return { key: keys.at(-1)!.key, status: written.status, dir: written.dir, files, bytes, losses };
  });
}

const OPTIONS = {
  // Which there are says the source of the reference.
  attributes: having('an object', {}),
  cacheDir: nonEmpty,
  offline: flag,
  network: NETWORK,
  limits: members({ maxBytes: positive, maxFiles: positive } satisfies Record<
    keyof NonNullable<SourceEnv['limits']>,
    Check
  >),
  registryConfig: nonEmpty,
  sources: arrayOf(
    having('a source', { schemes: 'object', attributes: 'object', identify: 'function', resolve: 'function' }),
  ),
  strict: flag,
  signal: having('an AbortSignal', { aborted: 'boolean', addEventListener: 'function' }),
  onProgress: call,
} satisfies Record<keyof Options, Check>;

const SNAPSHOT_OPTIONS = { ...OPTIONS, force: flag, write: WRITE } satisfies Record<keyof SnapshotOptions, Check>;

const unseen = (keys: readonly CacheKeyResult[]): string[] => [
  ...new Set(keys.flatMap((result) => result.incomplete ?? [])),
];

function refuseIncomplete(keys: readonly CacheKeyResult[]): void {
  const incomplete = unseen(keys);
  if (incomplete.length === 0) return;
  throw new CtxsrcError('E_INCOMPLETE', `the key does not cover ${incomplete.join(', ')}`, {
    hint: 'install the optional package koffi, or do without strict',
    details: { incomplete },
  });
}

interface Work {
  readonly resolved: ResolvedReference;
  readonly job: JobContext;
  readonly store: Environment['store'];
}

async function withSource<T>(reference: string, options: Options, work: (given: Work) => Promise<T>): Promise<T> {
  members(OPTIONS)(options, '');
  nonEmpty(reference, 'reference');
  const table = new SourceTable();
  for (const source of options.sources ?? []) table.add(source, source.schemes.join(', '));
  const progress = options.onProgress === undefined ? silentProgress : { emit: options.onProgress };
  const environment = await openEnvironment({
    cacheDir: options.cacheDir === undefined ? defaultCacheDir(process.env) : resolvePath(options.cacheDir),
    offline: options.offline,
    network: given(options.network ?? {}),
    limits: options.limits,
    registryConfig: options.registryConfig,
    progress,
  });
  try {
    const source = await sourceOf(table, reference);
    const attributes = checkAttributes(source.attributes, options.attributes ?? {});
    const resolved = await resolveReference(table, reference, attributes, environment.env);
    const { signal = new AbortController().signal, strict = false } = options;
    // One signal may end many calls at once, and each of them listens in several places.
    setMaxListeners(0, signal);
    const job = { session: environment.session, signal, progress, strict };
    return await work({ resolved, job, store: environment.store });
  } catch (error) {
    throw withReference(error, reference);
  } finally {
    await environment.close();
  }
}
