/** References and their keys: `ctxsrc parse`, `digest`, `key`. */
import { type Check, flag, members } from '../core/check-options.ts';
import { defaultPlatform } from '../core/platform.ts';
import type { Resolution } from '../snapshot/results.ts';
import {
  type DigestReport,
  digestMembers,
  identifierMembers,
  type Keys,
  keyMembers,
  type ReferenceReport,
} from '../source/document.ts';
import { refuseIncomplete } from '../source/incomplete.ts';
import { allKeys, digestsOf } from '../source/resolve.ts';
import { OPTIONS, type Options } from './options.ts';
import { understand, withSource, withTable } from './place.ts';

/** Options of `cacheKey`. */
export interface KeyOptions<Reference extends string = string> extends Options<Reference> {
  /** Also returns the texts that were hashed (`preimage`). */
  readonly preimages?: boolean | undefined;
}

const KEY_OPTIONS = { ...OPTIONS, preimages: flag } satisfies Record<keyof KeyOptions, Check>;

/**
 * A reference as it is understood: nothing is asked of a server, and nothing is read but whether a local path exists.
 * @param reference as on the command line: `docker-image://alpine:3.20`, `./dir`, `base=oci-layout://dir`
 * @throws CtxsrcError `E_REFERENCE`, `E_SCHEME_UNKNOWN`, `E_ATTRIBUTE`, `E_USAGE`
 */
export async function parse<Reference extends string>(
  reference: Reference,
  options: Options<Reference> = {},
): Promise<ReferenceReport> {
  members(OPTIONS)(options, '');
  return withTable(options, async (table) =>
    identifierMembers(await understand(table, reference, options.attributes), defaultPlatform({}).platform),
  );
}

/**
 * What a reference points at now: at most one request.
 * @param reference as on the command line
 * @throws CtxsrcError, as every function here; its `code` and `exit` are those of the command line
 */
export async function resolve<Reference extends string>(
  reference: Reference,
  options: Options<Reference> = {},
): Promise<Resolution> {
  members(OPTIONS)(options, '');
  return withSource(reference, options, async ({ identifier, instance }, { job }) => {
    const digests = await digestsOf(instance, job);
    return {
      reference,
      scheme: identifier.scheme,
      identifier: identifier.toString(),
      digest: digests.digest,
      mediaType: digests.mediaType,
      pinned: digests.pinned,
    };
  });
}

/**
 * All digests of a reference: root, manifest, configuration. Of an image in a registry at most three requests.
 * @param reference as on the command line
 * @throws CtxsrcError `E_NOT_FOUND`, `E_TAG_NOT_FOUND`, `E_PLATFORM_NOT_FOUND`, `E_UNAUTHORIZED`, `E_OFFLINE` and others of a source
 */
export async function digest<Reference extends string>(
  reference: Reference,
  options: Options<Reference> = {},
): Promise<ReferenceReport & DigestReport> {
  members(OPTIONS)(options, '');
  return withSource(reference, options, async (resolved, { env, job }) => ({
    ...identifierMembers(resolved, env.defaultPlatform),
    ...(await digestMembers(await digestsOf(resolved.instance, job), undefined)),
  }));
}

/**
 * The keys of a reference, as BuildKit computes them, and the digest its solver derives from each. Layers are never read.
 * @param reference as on the command line
 * @throws CtxsrcError those of `digest`; with `strict` `E_INCOMPLETE` for what the key does not cover
 */
export async function cacheKey<Reference extends string>(
  reference: Reference,
  options: KeyOptions<Reference> = {},
): Promise<Keys> {
  members(KEY_OPTIONS)(options, '');
  const { preimages = false, ...common } = options;
  return withSource(reference, common, async ({ instance }, { job }) => {
    const keys = await allKeys(instance, job);
    if (options.strict === true) refuseIncomplete(keys);
    return keyMembers(keys, preimages);
  });
}
