/**
 * ctxsrc as a library: keys, digests and snapshots of build-context sources. Nothing is printed, nothing of the process
 * is changed; every function takes an `AbortSignal` and tells its progress as typed events.
 */
import { setMaxListeners } from 'node:events';
import { resolve as resolvePath } from 'node:path';
import type { JobContext, NetworkOptions, Source, SourceEnv, WriteOptions } from './contract/index.ts';
import type { WriteLimits } from './contract/ref.ts';
import { type Check, count, flag, given, having, members, nonEmpty } from './core/check-options.ts';
import { type ProgressEvent, silentProgress } from './core/progress.ts';
import { solverDigest } from './core/solver-digest.ts';
import type { FileTree } from './image/entries/file-tree.ts';
import type { ListedEntry } from './image/entries/listing.ts';
import type { PushResult } from './snapshot/push/push.ts';
import type { Keys, Resolution, SnapshotResult } from './snapshot/results.ts';
import { COMMON, WRITE } from './snapshot/write/option-checks.ts';
import { writeLimits, writeSnapshot } from './snapshot/write/write-snapshot.ts';
import { defaultCacheDir } from './source/cache-dir.ts';
import { checkAttributes } from './source/check-attributes.ts';
import { parseDestination } from './source/destination.ts';
import { openEnvironment } from './source/environment.ts';
import { refuseIncomplete, unseen } from './source/incomplete.ts';
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
export type { ListedEntry } from './image/entries/listing.ts';
export type { PushResult } from './snapshot/push/push.ts';
export type { Keys, Resolution, SnapshotResult } from './snapshot/results.ts';
export type { DoctorCheck } from './upkeep/check.ts';
export type { DoctorReport } from './upkeep/doctor.ts';
export {
  type DoctorOptions,
  doctor,
  listStore,
  type PruneStoreOptions,
  pruneStore,
  type StoreOptions,
  storeUsage,
} from './upkeep/library.ts';

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

export interface SnapshotOptions extends Options {
  readonly force?: boolean | undefined;
  /** How files are written; limits that are not given are those of the command line. */
  readonly write?: (Partial<Omit<WriteOptions, 'limits'>> & { readonly limits?: Partial<WriteLimits> }) | undefined;
}

export interface FilesOptions extends Options {
  /** Of an image: one layer by itself, counted from the base, which is 1. */
  readonly layer?: number | undefined;
}

export interface LsOptions extends FilesOptions {
  /** All that is below, too. */
  readonly recursive?: boolean | undefined;
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
  return withSource(reference, { ...common, limits, strict }, async ({ resolved, job, env }) => {
    const keys = await allKeys(resolved.instance, job);
    if (strict) refuseIncomplete(keys);
    const { source, identifier, instance } = resolved;
    const written = await writeSnapshot(job, {
      reference,
      source,
      identifier,
      instance,
      keys,
      store: env.store,
      target: dir,
      options: { owner: 'auto', mode: 'auto', ...others, limits: writeLimits(given(most)) },
      force,
      strict,
    });
    const { files, bytes, losses } = written.sidecar;
    return { key: keys.at(-1)!.key, status: written.status, dir: written.dir, files, bytes, losses };
  });
}

/**
 * The entries of a reference's files: what is in the directory at `path`, else the one entry there. Of an image no more
 * layers are fetched than that needs. Paths are byte strings.
 */
export async function ls(reference: string, path = '', options: LsOptions = {}): Promise<readonly ListedEntry[]> {
  members(LS_OPTIONS)(options, '');
  const { recursive = false, ...others } = options;
  return withFiles(reference, others, ({ listFiles }, files, job) => listFiles(job, files, path, recursive));
}

/** The content of a file, verified; links are followed, inside the source only. */
export async function cat(reference: string, path: string, options: FilesOptions = {}): Promise<Uint8Array> {
  members(FILES_OPTIONS)(options, '');
  return withFiles(reference, options, async ({ readFile }, files, job) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of readFile(job, files, path)) chunks.push(chunk);
    return Buffer.concat(chunks);
  });
}

type Listing = typeof import('./snapshot/list/source-files.ts');

async function withFiles<T>(
  reference: string,
  { layer, ...options }: FilesOptions,
  work: (listing: Listing, files: FileTree, job: JobContext) => Promise<T>,
): Promise<T> {
  return withSource(reference, options, async ({ resolved: { instance }, job, env }) => {
    const listing = await import('./snapshot/list/source-files.ts');
    const files = await listing.openFiles(job, { instance, store: env.store, limits: options.limits, layer });
    try {
      return await work(listing, files, job);
    } finally {
      await files.release();
    }
  });
}

/** `allPlatforms`: the index with everything in it; `dryRun`: only find out what would be sent. */
export type PushOptions = Options & { readonly allPlatforms?: boolean; readonly dryRun?: boolean };

/** Puts an image, byte for byte, into a registry (`docker-image://HOST/NAME:TAG`) or a layout (`oci-layout://DIR[:TAG]`). */
export async function push(reference: string, destination: string, options: PushOptions = {}): Promise<PushResult> {
  members({ ...OPTIONS, allPlatforms: flag, dryRun: flag })(options, '');
  nonEmpty(destination, 'destination');
  const { allPlatforms = false, dryRun = false, ...common } = options;
  const target = parseDestination(destination, process.cwd());
  const { pushImage } = await import('./snapshot/push/push.ts');
  return withSource(reference, common, ({ resolved: { instance }, job, env }) =>
    pushImage(job, { instance, env, destination: target, allPlatforms, dryRun }),
  );
}

const OPTIONS = {
  // Which there are says the source of the reference.
  attributes: having('an object', {}),
  ...COMMON,
} satisfies Record<keyof Options, Check>;

const SNAPSHOT_OPTIONS = { ...OPTIONS, force: flag, write: WRITE } satisfies Record<keyof SnapshotOptions, Check>;

const FILES_OPTIONS = { ...OPTIONS, layer: count(1) } satisfies Record<keyof FilesOptions, Check>;
const LS_OPTIONS = { ...FILES_OPTIONS, recursive: flag } satisfies Record<keyof LsOptions, Check>;

type Work = Readonly<{ resolved: ResolvedReference; job: JobContext; env: SourceEnv }>;

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
    return await work({ resolved, job, env: environment.env });
  } catch (error) {
    throw withReference(error, reference);
  } finally {
    await environment.close();
  }
}
