/** One entry of a lock file: made of an instance, compared with one, and turned back into a reference. */
import type { JobContext, SourceInstance } from '../contract/index.ts';
import { CtxsrcError } from '../core/errors.ts';
import { allKeys, type Identified, type Resolved } from '../source/resolve.ts';
import type { LockEntry } from './lock.ts';

/** One thing that is not as the lock file says. */
export interface Drift {
  readonly name: string;
  readonly what: 'digest' | 'key' | 'reference' | 'added' | 'removed';
  readonly from: string;
  readonly to: string;
}

/** The reference as the lock file in `lockDir` keeps it: paths relative to that directory. Both directories absolute. */
export function lockedReference(one: Identified, cwd: string, lockDir: string): string {
  const { ref, source, identifier } = one;
  return source.rebase === undefined ? identifier.toString() : source.rebase(ref, cwd, lockDir);
}

/** What the lock file keeps of a reference: root, manifest and config digests, and the content key. Layers are not read. */
export async function lockEntry(job: JobContext, one: Resolved, reference: string): Promise<LockEntry> {
  const digests = await one.instance.digests?.(job);
  const keys = await allKeys(one.instance, job);
  const { attributes } = one.identifier;
  return {
    ref: reference,
    ...(Object.keys(attributes).length === 0 ? {} : { attributes }),
    digest: digests?.digest ?? keys.at(-1)!.pin,
    manifest: await digests?.manifest?.(),
    config: await digests?.config?.(),
    key: keys.at(-1)!.key,
    pinned: one.source.rebase === undefined ? digests?.pinned : pinnedLike(reference, digests?.pinned),
  };
}

/** The pinned form with the path that the lock file has: everything from the digest on is the source's own. */
function pinnedLike(reference: string, pinned: string | undefined): string | undefined {
  const at = pinned?.lastIndexOf('@') ?? -1;
  if (pinned === undefined || at < 0) return undefined;
  const digest = pinned.slice(at);
  return reference.endsWith(digest) ? reference : `${reference}${digest}`;
}

/** What has moved since the entry was written; asks for the root digest only, and for the key of what has none. */
export async function driftOf(
  job: JobContext,
  name: string,
  entry: LockEntry,
  instance: SourceInstance,
): Promise<Drift | undefined> {
  if (entry.pinned === undefined) {
    const key = (await allKeys(instance, job)).at(-1)!.key;
    return key === entry.key ? undefined : { name, what: 'key', from: entry.key, to: key };
  }
  const digest = (await instance.digests?.(job))?.digest ?? (await allKeys(instance, job)).at(-1)!.pin;
  return digest === entry.digest ? undefined : { name, what: 'digest', from: entry.digest, to: digest };
}

/**
 * An instance that stands for an entry without a pinned form: its content key has to be the locked one (`E_DRIFT`, exit
 * 6), and its content is not given out before it is.
 */
export function heldToLock(instance: SourceInstance, name: string, entry: LockEntry): SourceInstance {
  const cacheKey: SourceInstance['cacheKey'] = async (job, index) => {
    const result = await instance.cacheKey(job, index);
    if (!result.done || result.key === entry.key) return result;
    throw new CtxsrcError('E_DRIFT', `${name} has moved: its key was ${entry.key} and is ${result.key}`, {
      hint: `look at the change, then: ctxsrc lock --update ${name}`,
      details: { name, from: entry.key, to: result.key },
    });
  };
  return {
    ...boundMethods(instance),
    cacheKey,
    snapshot: async (job) => {
      await allKeys({ ...instance, cacheKey, snapshot: async () => null }, job);
      return instance.snapshot(job);
    },
  };
}

function boundMethods(instance: SourceInstance): Partial<SourceInstance> {
  const { digests, pull, describe, files, image, candidates } = instance;
  return {
    ...(digests === undefined ? {} : { digests: digests.bind(instance) }),
    ...(pull === undefined ? {} : { pull: pull.bind(instance) }),
    ...(describe === undefined ? {} : { describe: describe.bind(instance) }),
    ...(files === undefined ? {} : { files: files.bind(instance) }),
    ...(image === undefined ? {} : { image: image.bind(instance) }),
    ...(candidates === undefined ? {} : { candidates: candidates.bind(instance) }),
  };
}
