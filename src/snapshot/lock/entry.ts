/** One entry of a lock file: made from an instance, compared with one, and turned back into a reference. */

import type { Attributes, AttributeValue, Digests, JobContext, Source, SourceInstance } from '../../contract/index.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { shortened } from '../../core/printable.ts';
import { shellWord } from '../../core/shell-word.ts';
import { shownReference } from '../../core/shown-reference.ts';
import { isIndexType } from '../../oci/media-types.ts';
import { choosesPlatform } from '../../source/document.ts';
import { parseImageByDigest } from '../../source/foreign-forms.ts';
import { publicAttributes } from '../../source/public-attributes.ts';
import { rebasePath } from '../../source/rebase-path.ts';
import { allKeys, type Identified, type Resolved } from '../../source/resolve.ts';
import type { LockEntry } from './lock.ts';

/** One difference to the lock file. */
export interface Drift {
  /** The entry. */
  readonly name: string;
  /**
   * `list`: the index has moved, and the image of no platform that is built for; `tag`: what a digest stands beside, so
   * that the build stays as it is.
   */
  readonly what: 'digest' | 'list' | 'tag' | 'key' | 'reference' | 'added';
  /** What the lock file says; empty for what is not in it. */
  readonly from: string;
  /** What it is now. */
  readonly to: string;
}

/**
 * The reference as the lock file in `lockDir` stores it: paths relative to that directory. Both directories are
 * absolute.
 * @throws E_REFERENCE for a signed address
 */
export function lockedReference(one: Identified, cwd: string, lockDir: string): string {
  const { ref, source, identifier } = one;
  if (source.rebase !== undefined) return source.rebase(ref, cwd, lockDir);
  const text = identifier.toString();
  const shown = shownReference(text);
  if (shown === text) return text;
  throw new CtxsrcError('E_REFERENCE', `${shown} holds a secret, and a lock file is for everybody to read`, {
    hint: 'lock an address without it; who needs a credential names it with --auth-token-file or --netrc',
  });
}

/** The attributes as a lock file stores them, for a reader in the directory `to` instead of `from`. */
export function rebasedAttributes(source: Source, attributes: Attributes, from: string, to: string): Attributes {
  const kept: Record<string, AttributeValue> = {};
  for (const [name, value] of Object.entries(publicAttributes(source, attributes))) {
    const locked = source.attributes.find((spec) => spec.name === name)?.locked;
    kept[name] = locked === 'path' ? rebasePath(String(value), from, to) : value;
  }
  return kept;
}

/**
 * The entry for a reference: root, manifest and config digests, and the content key. Layers are not read.
 * @param others the same image for further platforms, by platform
 */
export async function lockEntry(
  job: JobContext,
  one: Resolved,
  cwd: string,
  lockDir: string,
  others: ReadonlyMap<string, Resolved> = new Map(),
): Promise<LockEntry> {
  const digests = await one.instance.digests?.(job);
  const keys = await allKeys(one.instance, job);
  const attributes = rebasedAttributes(one.source, one.identifier.attributes, cwd, lockDir);
  const ref = lockedReference(one, cwd, lockDir);
  const digest = digests?.digest ?? keys.at(-1)!.pin;
  return {
    ref,
    ...(Object.keys(attributes).length === 0 ? {} : { attributes }),
    digest,
    manifest: await digests?.manifest?.(),
    manifests: await manifestsOf(job, others),
    config: await digests?.config?.(),
    key: keys.at(-1)!.key,
    pinned: pinnedText(one, ref, digest),
  };
}

async function manifestsOf(job: JobContext, others: ReadonlyMap<string, Resolved>): Promise<LockEntry['manifests']> {
  const manifests: Record<string, string> = {};
  for (const [platform, { instance }] of others) {
    const manifest = await (await instance.digests?.(job))?.manifest?.();
    if (manifest !== undefined) manifests[platform] = manifest;
  }
  return Object.keys(manifests).length === 0 ? undefined : manifests;
}

/** The pinned form as the lock file stores it: with the file's path, and the source's form from the digest on. */
function pinnedText({ source, identifier }: Identified, ref: string, digest: string): string | undefined {
  const pinned = identifier.pinned?.(digest);
  if (source.rebase === undefined || pinned === undefined) return pinned;
  return ref.endsWith(`@${digest}`) ? ref : `${ref}@${digest}`;
}

/**
 * Refuses an entry that contradicts itself (`E_UNSAFE`), because its reader would see another content than its user
 * gets. Lock files come from checkouts, which may come from anybody.
 * @param one the entry's reference, identified
 */
export function checkEntry(one: Identified, name: string, entry: LockEntry, path: string): void {
  const refuse = (what: string): never => {
    throw new CtxsrcError('E_UNSAFE', `the lock file ${path} contradicts itself: ${shortened(`${name} ${what}`)}`, {
      hint: `restore the file from version control, or take the entry ${name} out and lock it anew`,
    });
  };
  const { ref, digest, pinned, attributes, vendored } = entry;
  const derived = pinnedText(one, ref, digest);
  if (one.identifier.pinned !== undefined && derived === undefined)
    refuse(`is ${ref}, which cannot have the digest ${digest}`);
  if (pinned !== undefined && pinned !== derived)
    refuse(`is pinned to ${pinned}, but is ${ref} with the digest ${digest}`);
  if (vendored !== undefined) {
    const there = parseImageByDigest(vendored)?.digest;
    if (there === undefined) refuse(`is vendored as ${vendored}, which is no image with tag and digest`);
    if (choosesPlatform(one) && derived !== undefined && there !== digest)
      refuse(`is vendored as ${vendored}, but has the digest ${digest}`);
  }
  const checksum = attributes?.checksum;
  // A git checksum may be the prefix of a commit ID, and another object than the ref names.
  if (typeof checksum === 'string' && checksum.includes(':') && checksum !== digest)
    refuse(`has the checksum ${checksum}, but the digest ${digest}`);
}

/**
 * The difference since the entry was written. It needs only the root digest, or the key if there is none; of an image
 * whose digest has moved, the manifests, too.
 * @param one the entry's reference; of one with tag and digest the tag alone
 * @param others the same for further platforms, by platform
 */
export async function driftOf(
  job: JobContext,
  one: Resolved,
  entry: LockEntry,
  others: ReadonlyMap<string, Resolved> = new Map(),
): Promise<Drift | undefined> {
  const { instance } = one;
  const name = one.ref.name!;
  if (one.identifier.pinned === undefined) {
    const key = (await allKeys(instance, job)).at(-1)!.key;
    return key === entry.key ? undefined : { name, what: 'key', from: entry.key, to: key };
  }
  const digests = await instance.digests?.(job);
  const digest = digests?.digest ?? (await allKeys(instance, job)).at(-1)!.pin;
  if (digest === entry.digest) return undefined;
  const what = (await isSameImage(job, digests, entry, others)) ? 'list' : isPinned(entry) ? 'tag' : 'digest';
  return { name, what, from: entry.digest, to: digest };
}

/** True for a reference that names its own digest. */
function isPinned({ ref, digest }: LockEntry): boolean {
  return ref.endsWith(`@${digest}`);
}

/** Whether the manifests that were locked are still those of their platforms. */
async function isSameImage(
  job: JobContext,
  digests: Digests | undefined,
  { manifest, manifests = {} }: LockEntry,
  others: ReadonlyMap<string, Resolved>,
): Promise<boolean> {
  // What is no list has moved itself; nothing more is asked for then.
  if (manifest === undefined || !isIndexType(digests?.mediaType ?? '')) return false;
  if ((await digests?.manifest?.()) !== manifest) return false;
  for (const [platform, locked] of Object.entries(manifests)) {
    const other = await others.get(platform)?.instance.digests?.(job);
    if ((await other?.manifest?.()) !== locked) return false;
  }
  return true;
}

/**
 * An instance for an entry without a pinned form: its content key has to be the locked one (`E_DRIFT`, exit 6), which
 * is checked before any of its content is returned.
 */
export function heldToLock(instance: SourceInstance, name: string, entry: LockEntry): SourceInstance {
  const check = async (job: JobContext): Promise<void> => {
    const { key } = (await allKeys(instance, job)).at(-1)!;
    if (key === entry.key) return;
    throw new CtxsrcError('E_DRIFT', `${name} has moved: its key was ${entry.key} and is ${key}`, {
      hint: `look at the change, then: ctxsrc lock --update ${shellWord(name)}`,
      details: { name, from: entry.key, to: key },
    });
  };
  const gated = (member: (typeof CONTENT)[number] | 'snapshot') => {
    const method = instance[member] as (job: JobContext, ...rest: unknown[]) => Promise<unknown>;
    return async (job: JobContext, ...rest: unknown[]): Promise<unknown> => {
      await check(job);
      return method.call(instance, job, ...rest);
    };
  };
  const given = CONTENT.filter((member) => instance[member] !== undefined);
  return {
    ...(Object.fromEntries(given.map((member) => [member, gated(member)])) as Partial<SourceInstance>),
    owner: instance.owner,
    snapshot: gated('snapshot') as SourceInstance['snapshot'],
    cacheKey: async (job, index) => {
      const result = await instance.cacheKey(job, index);
      if (result.done) await check(job);
      return result;
    },
  };
}

/** The methods of an instance that return content. */
const CONTENT = ['digests', 'pull', 'describe', 'files', 'image', 'content'] as const;
