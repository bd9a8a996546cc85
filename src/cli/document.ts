/** The JSON document of a reference (`ctxsrc/v1`), shared by every command that prints one. */
import type { CacheKeyResult, Digests } from '../contract/index.ts';
import { shownReference } from '../core/shown-reference.ts';
import { solverDigest } from '../core/solver-digest.ts';
import { publicAttributes } from '../source/public-attributes.ts';
import type { Identified } from '../source/resolve.ts';

/** True for image references: the platform selects one of several images. */
export function choosesPlatform(one: Identified): boolean {
  return one.source.attributes.some((spec) => spec.name === 'platform');
}

/**
 * The facts about an identified reference: its identifier, the identifier's own facts, and the platform if the source
 * selects by it. No secrets.
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

/** The digests of a reference, and the platform of its image; may cost a request. */
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

/** The keys by index, the content key, and properties that could not be read; with `preimages` the hashed texts. */
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

/** `--safe`: a key as `sha256-<hex>`; made from the solver's digest if the key is not a sha256 digest itself. */
export function safeKey(key: string): string {
  const digest = /^sha256:[0-9a-f]{64}$/.test(key) ? key : solverDigest(key);
  return `sha256-${digest.slice(digest.indexOf(':') + 1)}`;
}
