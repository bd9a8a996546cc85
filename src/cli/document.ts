/** The JSON document of a reference (`ctxsrc/v1`), shared by every command that prints one. */
import type { CacheKeyResult, Digests } from '../contract/index.ts';
import { shownReference } from '../core/shown-reference.ts';
import { solverDigest } from '../core/solver-digest.ts';
import { publicAttributes } from '../source/public-attributes.ts';
import type { Identified } from '../source/resolve.ts';

/** True for images: which one of several is meant depends on a platform. */
export function choosesPlatform(one: Identified): boolean {
  return one.source.attributes.some((spec) => spec.name === 'platform');
}

/**
 * What is known of a reference once it is understood: its identifier, the facts that the identifier itself tells, and the
 * platform that is taken where the source chooses by one. No secrets.
 */
export function identifierMembers(one: Identified, defaultPlatform: string): Record<string, unknown> {
  return {
    schema: 'ctxsrc/v1',
    ref: shownReference(one.ref.text),
    ...(one.ref.name === undefined ? {} : { name: one.ref.name }),
    scheme: one.identifier.scheme,
    identifier: shownReference(one.identifier.toString()),
    ...(choosesPlatform(one) ? { platform: one.identifier.attributes.platform ?? defaultPlatform } : {}),
    ...(one.identifier.toJSON() as Record<string, unknown>),
    attributes: publicAttributes(one.source, one.identifier.attributes),
  };
}

/** The digests of a reference, and what platform its image is for; what is not known of an image yet may cost a request. */
export async function digestMembers(
  digests: Digests | undefined,
  pin: string | undefined,
): Promise<Record<string, unknown>> {
  return {
    digest: digests?.digest ?? pin,
    mediaType: digests?.mediaType,
    manifest: await digests?.manifest?.(),
    config: await digests?.config?.(),
    imagePlatform: await digests?.imagePlatform?.(),
    pinned: digests?.pinned,
  };
}

/** The keys by index, the content key, and what could not be seen. `preimages`: also what exactly was hashed. */
export function keyMembers(keys: readonly CacheKeyResult[], preimages: boolean): Record<string, unknown> {
  return {
    keys: keys.map((result, index) => ({
      index,
      key: result.key,
      pin: result.pin,
      done: result.done,
      solver: solverDigest(result.key),
      ...(preimages && result.preimage !== undefined ? { preimage: result.preimage } : {}),
    })),
    key: keys.at(-1)?.key,
    incomplete: [...new Set(keys.flatMap((result) => result.incomplete ?? []))],
  };
}

/** `--safe`: a key as `sha256-<hex>`; of the solver's digest where the key is no sha256 digest itself. */
export function safeKey(key: string): string {
  const digest = /^sha256:[0-9a-f]{64}$/.test(key) ? key : solverDigest(key);
  return `sha256-${digest.slice(digest.indexOf(':') + 1)}`;
}
