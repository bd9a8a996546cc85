/** What was vendored of an entry: read in its place once the origin is gone. */
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import type {
  CacheKeyResult,
  Digests,
  ImmutableRef,
  JobContext,
  SourceEnv,
  SourceInstance,
} from '../../contract/index.ts';
import { NO_CACHE_OPTS } from '../../contract/source.ts';
import { CtxsrcError, ERROR_EXITS } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { stableJson } from '../../core/stable-json.ts';
import { parseImageByDigest } from '../../source/foreign-forms.ts';
import { bringContent } from '../../source/pull.ts';
import { type Identified, identify } from '../../source/resolve.ts';
import type { SourceTable } from '../../source/table.ts';
import { rebasedAttributes } from './entry.ts';
import type { LockEntry } from './lock.ts';
import { proveVendored } from './prove-vendored.ts';

/** An entry's image in the registry that it was vendored into. */
export interface Vendored {
  readonly one: Identified;
  readonly entry: LockEntry;
}

/** True for the entry of an image that has its own digest where it is vendored. */
export function isWholeImage({ vendored, digest }: LockEntry): boolean {
  return vendored !== undefined && parseImageByDigest(vendored)?.digest === digest;
}

/**
 * The vendored image of an entry; undefined without one, and for flags that ask for other content than was vendored.
 * @param written the reference of the entry, with the flags
 * @param path of the lock file
 */
export async function vendoredOf(
  site: { readonly table: SourceTable; readonly cwd: string },
  written: Identified,
  entry: LockEntry,
  path: string,
): Promise<Vendored | undefined> {
  if (entry.vendored === undefined) return undefined;
  const { attributes } = written.identifier;
  const text = `${written.ref.name!}=${entry.vendored}`;
  // An index has the images of all platforms, and the layers to be limited.
  if (isWholeImage(entry)) return { one: await identify(site.table, text, attributes), entry };
  const asked = rebasedAttributes(written.source, attributes, site.cwd, dirname(path));
  if (stableJson(asked) !== stableJson(entry.attributes ?? {})) return undefined;
  const { platform } = attributes;
  return { one: await identify(site.table, text, platform === undefined ? {} : { platform }), entry };
}

/** Exit codes of what becomes of an origin: not there, closed, other content than before, unreachable. */
const GONE: ReadonlySet<number> = new Set([3, 4, 5, 6, 75, 76]);
/** The fault of this machine, and not of an origin. */
const OWN_FAULTS: ReadonlySet<string> = new Set(['E_STORE_CORRUPT', 'E_LOCK_TIMEOUT', 'E_SIDECAR_INVALID']);

/**
 * True if the origin of an entry no longer gives what was locked.
 * @param isLocal on this machine only what is missing is gone: what has changed there was changed by its user
 */
export function isGone(error: unknown, isLocal: boolean): error is CtxsrcError {
  if (!(error instanceof CtxsrcError) || OWN_FAULTS.has(error.code)) return false;
  const exit = ERROR_EXITS[error.code];
  return isLocal ? exit === 3 : GONE.has(exit);
}

/**
 * An instance that asks the origin first, and from its first failure on the vendored image. Its keys and digests are
 * those of the entry either way; the image is proved by the entry before anything of it is read.
 */
export function orVendored(
  origin: SourceInstance,
  written: Identified,
  { one, entry }: Vendored,
  env: SourceEnv,
): SourceInstance {
  const there = one.source.resolve(one.identifier, env);
  const { identifier, ref } = written;
  const { localPath } = identifier;
  const isMissing = localPath !== undefined && !existsSync(localPath);
  // Any digest can be written there: that of a file on the web is no image, even if a registry has one of that digest.
  const isImage = origin.content !== undefined && isWholeImage(entry);
  let gone = false;
  let isProved = isImage;

  function leave(job: JobContext, why: string): void {
    if (gone) return;
    gone = true;
    const text = `${printable(ref.name!)} is read from ${entry.vendored}: ${why}`;
    job.progress.emit({ type: 'message', level: 'note', text });
  }

  async function either<T>(job: JobContext, atOrigin: () => Promise<T>, vendored: () => Promise<T>): Promise<T> {
    if (isMissing) leave(job, `there is no ${printable(localPath)}`);
    if (!gone) {
      try {
        return await atOrigin();
      } catch (error) {
        if (job.signal.aborted || !isGone(error, localPath !== undefined)) throw error;
        leave(job, error.message);
      }
    }
    return vendored();
  }

  const locked = async (): Promise<CacheKeyResult> => ({
    key: entry.key,
    pin: entry.digest,
    done: true,
    opts: NO_CACHE_OPTS,
  });
  /** The vendored image, once it is proved: nothing of it is believed before. */
  async function proven(job: JobContext): Promise<SourceInstance> {
    if (!isProved) await proveVendored(job, { one: written, entry, origin, image: there });
    isProved = true;
    return there;
  }
  const lockedDigests = async (): Promise<Digests> => ({ digest: entry.digest });
  /** A method that the vendored image may stand in for. */
  const both = <Name extends 'image' | 'content' | 'describe' | 'candidates'>(
    name: Name,
  ): Pick<SourceInstance, Name> => {
    if (origin[name] === undefined) return {} as Pick<SourceInstance, Name>;
    const method = async (job: JobContext, ...rest: unknown[]): Promise<unknown> => {
      const call = (instance: SourceInstance) =>
        (instance[name] as (job: JobContext, ...rest: unknown[]) => Promise<unknown>).call(instance, job, ...rest);
      return either(
        job,
        () => call(origin),
        async () => call(await proven(job)),
      );
    };
    return { [name]: method } as unknown as Pick<SourceInstance, Name>;
  };

  return {
    owner: origin.owner,
    cacheKey: (job, index) =>
      either(job, () => origin.cacheKey(job, index), isImage ? () => there.cacheKey(job, index) : locked),
    snapshot: (job) =>
      either<ImmutableRef | null>(
        job,
        async () => {
          // What is missing is missed now, and not while it is written.
          if (localPath === undefined) await bringContent(origin, job);
          return origin.snapshot(job);
        },
        async () => (await proven(job)).snapshot(job),
      ),
    pull: (job) =>
      either(
        job,
        () => bringContent(origin, job),
        async () => bringContent(await proven(job), job),
      ),
    ...(origin.digests === undefined
      ? {}
      : {
          digests: (job: JobContext) =>
            either(job, () => origin.digests!(job), isImage ? () => there.digests!(job) : lockedDigests),
        }),
    // A directory is read in place; one that is not there is read as any other source.
    ...(origin.files === undefined || isMissing ? {} : { files: (job: JobContext) => origin.files!(job) }),
    ...both('describe'),
    ...(origin.content === undefined ? {} : { ...both('image'), ...both('content'), ...both('candidates') }),
    ...(origin.files !== undefined && isMissing
      ? { image: async (job: JobContext) => (await proven(job)).image!(job) }
      : {}),
  };
}
