/**
 * `ctxsrc lock --vendor`: the content of every entry in one repository, each under a tag of its own, so that builds no
 * longer depend on where it came from.
 */
import type { Attributes, JobContext } from '../../contract/index.ts';
import { type Digest, digestAlgorithm, digestHex } from '../../core/digest.ts';
import { CtxsrcError, isCtxsrcError } from '../../core/errors.ts';
import { printable, shortened } from '../../core/printable.ts';
import {
  formatReference,
  type ImageReference,
  parseImageReference,
  parseNormalizedReference,
} from '../../oci/reference.ts';
import { createPushClient } from '../../registry/push/client.ts';
import type { RegistryTarget } from '../../source/destination.ts';
import { imageOf, parseImageByDigest } from '../../source/foreign-forms.ts';
import { isPrivate } from '../../source/public-attributes.ts';
import { withReference } from '../../source/resolve.ts';
import { pushSource } from '../push/push.ts';
import type { LockEntry } from './lock.ts';
import { proveVendored, vendoredTree } from './prove-vendored.ts';
import { bind, entryReference, type OpenLock } from './references.ts';
import type { LockWork } from './renew.ts';
import { isGone, isWholeImage, vendoredOf } from './vendored.ts';

/** A repository of a registry. */
export type Repository = Pick<ImageReference, 'domain' | 'path'>;

/**
 * Parses `REGISTRY/PREFIX`.
 * @throws E_USAGE for what is no repository, E_REFERENCE for a name that is not valid
 */
export function parseRepository(text: string): Repository {
  const name = text.replace(/^docker-image:\/\//, '');
  const { domain, path, tag, digest } = parseNormalizedReference(name);
  // A name without a registry would be published at docker.io by mistake.
  const named = parseImageReference(name).domain;
  const why =
    tag !== undefined || digest !== undefined
      ? 'names a tag or digest, and each entry gets its own'
      : !/[.:]|^localhost$/.test(named)
        ? 'names no registry'
        : undefined;
  if (why === undefined) return { domain, path };
  throw new CtxsrcError('E_USAGE', `${JSON.stringify(shortened(text))} ${why}`, {
    hint: 'type --vendor REGISTRY/PREFIX, for instance --vendor registry.example/team/vendor',
  });
}

export interface VendorOptions {
  readonly repository: Repository;
  /** Also what lies beside an image; each is then looked for anew. */
  readonly attestations: boolean;
}

/**
 * The lock whose entries all name their image in the repository; what is there already is not read again. Nothing is
 * written.
 * @throws E_OFFLINE; errors of the references, and those of pushing
 */
export async function vendorEntries(work: LockWork, lock: OpenLock, options: VendorOptions): Promise<OpenLock> {
  const { repository } = options;
  if (work.env.offline) {
    throw new CtxsrcError(
      'E_OFFLINE',
      `nothing can be pushed to ${repository.domain}, for --offline forbids asking it`,
      {
        hint: 'leave --offline out',
      },
    );
  }
  const entries = new Map(lock.entries);
  // One after the other: a layer that several have is sent once.
  for (const [name, entry] of lock.entries) {
    try {
      entries.set(name, { ...entry, ...(await vendor(work, lock, name, entry, options)) });
    } catch (error) {
      // What has moved is named already.
      const isNamed = !isCtxsrcError(error) || error.details?.name === name;
      const named = isNamed ? error : error.with({ message: `${printable(name)}: ${error.message}` });
      throw withReference(named, `${name}=${entry.ref}`);
    }
  }
  return { ...lock, entries };
}

async function vendor(
  work: LockWork,
  lock: OpenLock,
  name: string,
  entry: LockEntry,
  { repository, attestations }: VendorOptions,
): Promise<Pick<LockEntry, 'vendored' | 'vendoredKey'>> {
  const { env, job, site } = work;
  const before = entry.vendored === undefined ? undefined : parseImageByDigest(entry.vendored);
  // The flags of this run are those of other entries; only how a source is reached holds for all.
  const own = { ...site, attributes: {} };
  const written = await entryReference(own, lock, name, 'written');
  const reached = Object.fromEntries(
    written.source.attributes
      .filter((spec) => isPrivate(spec) && site.attributes[spec.name] !== undefined)
      .map((spec) => [spec.name, site.attributes[spec.name]!]),
  ) satisfies Attributes;
  const pinned = await entryReference({ ...own, attributes: reached }, lock, name, 'pinned');
  const [{ instance }] = bind([{ ...pinned, vendored: undefined }], env) as [ReturnType<typeof bind>[number]];
  const isComplete = instance.content !== undefined || vendoredTree(instance, entry) !== undefined;
  if (before !== undefined && isComplete && !attestations && isIn(before, repository) && (await isThere(work, before)))
    return {};
  const push = async (
    from: typeof instance,
    destination: (content: Digest) => RegistryTarget,
  ): Promise<Pick<LockEntry, 'vendored' | 'vendoredKey'>> => {
    const { reference, tree } = await pushSource(job, {
      instance: from,
      env,
      destination,
      allPlatforms: from.content !== undefined,
      attestations: attestations && from.content !== undefined,
      dryRun: false,
    });
    // Whoever has the key of a directory knows what its image has to be.
    const isKnown = tree === undefined || tree.key === entry.key;
    return { vendored: reference, ...(isKnown ? {} : { vendoredKey: tree.key }) };
  };
  try {
    return await push(instance, (content) => target(repository, tagOf(content)));
  } catch (error) {
    if (isCtxsrcError(error, 'E_TARGET_EXISTS')) {
      const hint = `have that tag removed at ${repository.domain}, or vendor into another repository`;
      throw error.with({ hint });
    }
    const vendored = await vendoredOf(own, written, entry, lock.path);
    const isLocal = pinned.identifier.localPath !== undefined;
    if (vendored === undefined || job.signal.aborted || !isGone(error, isLocal)) throw error;
    tellGone(job, name, entry, error);
    const { one } = vendored;
    const image = one.source.resolve(one.identifier, env);
    if (instance.content === undefined || !isWholeImage(entry))
      await proveVendored(job, { one: written, entry, origin: instance, image });
    return push(image, () => target(repository, before!.tag!));
  }
}

function isIn({ domain, path }: Repository, repository: Repository): boolean {
  return domain === repository.domain && path === repository.path;
}

/** Whether the tag still names what it was locked as. */
async function isThere({ env, job }: LockWork, { domain, path, tag, digest }: ImageReference): Promise<boolean> {
  const name = { host: domain, repository: path };
  const client = createPushClient({ network: env.network, name, from: undefined });
  try {
    return (await client.tagged(job, digest!, tag!)) === digest;
  } finally {
    await client.close();
  }
}

/** Never `sha256-…`, under which signatures of an image are looked for. Each digest has a tag of its own. */
function tagOf(content: Digest): string {
  const algorithm = digestAlgorithm(content);
  const hex = digestHex(content);
  if (algorithm === 'sha256') return `ctxsrc-${hex}`;
  // A tag has 128 characters, as many as the digits of sha512.
  return `ctxsrc-${algorithm}-${Buffer.from(hex, 'hex').toString('base64url')}`;
}

function target(repository: Repository, tag: string): RegistryTarget {
  return {
    kind: 'registry',
    name: { host: repository.domain, repository: repository.path },
    tag,
    reference: (digest) => imageOf(formatReference({ ...repository, tag, digest })),
  };
}

function tellGone(job: JobContext, name: string, { vendored }: LockEntry, error: CtxsrcError): void {
  const text = `${name} is taken from ${vendored}: ${error.message}`;
  job.progress.emit({ type: 'message', level: 'note', text });
}
