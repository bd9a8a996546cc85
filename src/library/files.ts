/** The files of a reference: `ctxsrc snapshot`, `export`, `pull`, `ls`, `cat`, and `verify` of what was written. */
import { resolve as resolvePath } from 'node:path';
import type { JobContext, WriteOptions } from '../contract/index.ts';
import type { WriteLimits } from '../contract/ref.ts';
import { type Check, count, flag, given, members, nonEmpty, oneOf } from '../core/check-options.ts';
import { CtxsrcError } from '../core/errors.ts';
import type { FileTree } from '../image/entries/file-tree.ts';
import type { ListedEntry } from '../image/entries/listing.ts';
import type { SnapshotResult } from '../snapshot/results.ts';
import { refuseUnverified, type VerifyReport, verifyReport } from '../snapshot/verify/report.ts';
import { writeLimits, writeSnapshot } from '../snapshot/write/write-snapshot.ts';
import { type DigestReport, digestMembers, identifierMembers, type ReferenceReport } from '../source/document.ts';
import { refuseIncomplete } from '../source/incomplete.ts';
import { pullSource } from '../source/pull.ts';
import { allKeys } from '../source/resolve.ts';
import { WRITE } from './option-checks.ts';
import { OPTIONS, type Options, PLACE, type PlaceOptions } from './options.ts';
import { type Asked, inPlace, withSource } from './place.ts';

/** How files are written; limits that are not given are those of the command line. */
export type WriteChoices = Partial<Omit<WriteOptions, 'limits'>> & {
  /** Most that is written: `maxBytes`, `maxFiles`, and `maxRatio`, the bytes that one compressed byte may become. */
  readonly limits?: Partial<WriteLimits>;
};

/** Options of `snapshot`. */
export interface SnapshotOptions<Reference extends string = string> extends Options<Reference> {
  /** Replaces what is there, whatever it is. */
  readonly force?: boolean | undefined;
  /** How files are written. */
  readonly write?: WriteChoices | undefined;
}

/** Options of `exportTo`. */
export interface ExportOptions<Reference extends string = string> extends Options<Reference> {
  /** `oci`: an image as an OCI layout, its layers unchanged; `tar`: the files of any source. `oci` when absent. */
  readonly type?: 'tar' | 'oci' | undefined;
  /** With `oci`: a directory instead of one archive. */
  readonly directory?: boolean | undefined;
  /** With `tar`: how files are written. */
  readonly write?: WriteChoices | undefined;
}

/** What `exportTo` wrote. */
export interface ExportResult {
  /** Of the archive for `tar`, of the image's manifest for `oci`. */
  readonly digest: string;
  /** Bytes written. */
  readonly size: number;
}

/** Options of `cat`. */
export interface FilesOptions<Reference extends string = string> extends Options<Reference> {
  /** Of an image: one layer by itself, counted from the base, which is 1. */
  readonly layer?: number | undefined;
}

/** Options of `ls`. */
export interface LsOptions<Reference extends string = string> extends FilesOptions<Reference> {
  /** All that is below, too. */
  readonly recursive?: boolean | undefined;
}

const SNAPSHOT_OPTIONS = { ...OPTIONS, force: flag, write: WRITE } satisfies Record<keyof SnapshotOptions, Check>;
const EXPORT_OPTIONS = { ...OPTIONS, type: oneOf('tar', 'oci'), directory: flag, write: WRITE } satisfies Record<
  keyof ExportOptions,
  Check
>;
const FILES_OPTIONS = { ...OPTIONS, layer: count(1) } satisfies Record<keyof FilesOptions, Check>;
const LS_OPTIONS = { ...FILES_OPTIONS, recursive: flag } satisfies Record<keyof LsOptions, Check>;

/**
 * Writes the files of a reference into a directory, whole or not at all.
 * @param reference as on the command line
 * @param dir the directory to make; what it was written of is noted beside it in `DIR.ctxsrc.json`
 * @throws CtxsrcError `E_TARGET_EXISTS`, `E_LIMIT`, `E_DISK_FULL`, `E_IO`; with `strict` `E_LOSSY` for what could not be kept
 */
export async function snapshot<Reference extends string>(
  reference: Reference,
  dir: string,
  options: SnapshotOptions<Reference> = {},
): Promise<SnapshotResult> {
  members(SNAPSHOT_OPTIONS)(options, '');
  nonEmpty(dir, 'dir');
  const { force = false, strict = false, write = {} } = options;
  const most = write.limits ?? {};
  const limits = options.limits ?? { maxBytes: most.maxBytes, maxFiles: most.maxFiles };
  return withSource(reference, { ...commonOf(options), limits }, async (resolved, { job, store }) => {
    const { source, identifier, instance } = resolved;
    const keys = await allKeys(instance, job);
    if (strict) refuseIncomplete(keys);
    const written = await writeSnapshot(job, {
      reference,
      source,
      identifier,
      instance,
      keys,
      store,
      target: dir,
      options: writeOptions(write),
      force,
      strict,
    });
    const { files, bytes, losses } = written.sidecar;
    return { key: keys.at(-1)!.key, status: written.status, dir: written.dir, files, bytes, losses };
  });
}

/**
 * Writes a reference as one archive or as an OCI layout, whole or not at all.
 * @param reference as on the command line; NAME of `NAME=REF` becomes the image's name in the layout
 * @param dest the file, or the directory, to make
 * @throws CtxsrcError `E_USAGE` for `oci` of what is no image, `E_TARGET_EXISTS`, `E_LIMIT`, `E_DISK_FULL`, `E_IO`
 */
export async function exportTo<Reference extends string>(
  reference: Reference,
  dest: string,
  options: ExportOptions<Reference> = {},
): Promise<ExportResult> {
  members(EXPORT_OPTIONS)(options, '');
  nonEmpty(dest, 'dest');
  const { type = 'oci', directory = false, write = {} } = options;
  if (directory && type === 'tar') {
    throw new CtxsrcError('E_USAGE', 'directory belongs to type oci', { hint: 'snapshot writes a directory of files' });
  }
  const { exportRef } = await import('../snapshot/export/export.ts');
  return withSource(reference, commonOf(options), ({ instance, ref }, { job, store }) =>
    exportRef(job, {
      instance,
      store,
      output: { type, dest: resolvePath(dest), tar: !directory },
      write: async () => undefined,
      options: writeOptions(write),
      name: ref.name,
    }),
  );
}

/**
 * Brings all content of a reference into the store, so that later calls need no server.
 * @param reference as on the command line
 * @throws CtxsrcError those of `digest`, `E_DIGEST_MISMATCH`, `E_LIMIT`, `E_DISK_FULL`
 */
export async function pull<Reference extends string>(
  reference: Reference,
  options: Options<Reference> = {},
): Promise<ReferenceReport & DigestReport> {
  members(OPTIONS)(options, '');
  return withSource(reference, options, async (resolved, { env, job }) => ({
    ...identifierMembers(resolved, env.defaultPlatform),
    ...(await digestMembers(await pullSource(resolved.instance, job), undefined)),
  }));
}

/**
 * Compares a directory that `snapshot` wrote with what was written: offline, and without following a link. Differences
 * are in the report and not thrown.
 * @param dir the directory; its sidecar `DIR.ctxsrc.json` lies beside it
 * @throws CtxsrcError `E_PATH_NOT_FOUND` without a sidecar, `E_SIDECAR_INVALID`, `E_LIMIT`; with `strict` `E_INCOMPLETE` for what could not be looked at
 */
export async function verify(dir: string, options: PlaceOptions = {}): Promise<VerifyReport> {
  members(PLACE)(options, '');
  nonEmpty(dir, 'dir');
  return inPlace(options, async ({ job }) => {
    const report = await verifyReport(job, dir, options.limits);
    if (options.strict === true) refuseUnverified(report);
    return report;
  });
}

/**
 * The entries of a reference's files: what is in the directory at `path`, else the one entry there. Of an image no more
 * layers are fetched than that needs.
 * @param reference as on the command line
 * @param path from the root of the source; a byte string, one character (U+0000 to U+00FF) a byte, as all paths returned
 * @throws CtxsrcError `E_PATH_NOT_FOUND`, and those of `digest`
 */
export async function ls<Reference extends string>(
  reference: Reference,
  path = '',
  options: LsOptions<Reference> = {},
): Promise<readonly ListedEntry[]> {
  members(LS_OPTIONS)(options, '');
  const { recursive = false } = options;
  return withFiles(reference, options, async ({ listFiles }, files, job) => [
    ...(await listFiles(job, files, path, recursive)),
  ]);
}

/**
 * The content of a file, verified; links are followed, inside the source only.
 * @param reference as on the command line
 * @param path from the root of the source, a byte string
 * @throws CtxsrcError `E_PATH_NOT_FOUND`, `E_LIMIT`, and those of `digest`
 */
export async function cat<Reference extends string>(
  reference: Reference,
  path: string,
  options: FilesOptions<Reference> = {},
): Promise<Uint8Array> {
  members(FILES_OPTIONS)(options, '');
  return withFiles(reference, options, async ({ readFile }, files, job) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of readFile(job, files, path)) chunks.push(chunk);
    return Buffer.concat(chunks);
  });
}

type Listing = typeof import('../snapshot/list/source-files.ts');

async function withFiles<T>(
  reference: string,
  options: Asked & Pick<FilesOptions, 'layer'>,
  work: (listing: Listing, files: FileTree, job: JobContext) => Promise<T>,
): Promise<T> {
  const { limits, layer } = options;
  return withSource(reference, commonOf(options), async ({ instance }, { job, store }) => {
    const listing = await import('../snapshot/list/source-files.ts');
    return listing.withFiles(job, { instance, store, limits, layer }, (files) => work(listing, files, job));
  });
}

/** The members that every function takes. */
function commonOf(options: Asked): Asked {
  return Object.fromEntries(Object.entries(options).filter(([name]) => Object.hasOwn(OPTIONS, name)));
}

function writeOptions({ limits = {}, ...others }: WriteChoices): WriteOptions {
  return { owner: 'auto', mode: 'auto', ...given(others), limits: writeLimits(given(limits)) };
}
