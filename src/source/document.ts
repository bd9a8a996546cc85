/** The document of a reference (`ctxsrc/v1`): what every command prints with `--json`, and the library returns. */
import type { Attributes, CacheKeyResult, Digests } from '../contract/index.ts';
import { shownReference } from '../core/shown-reference.ts';
import { solverDigest } from '../core/solver-digest.ts';
import { unseen } from './incomplete.ts';
import { publicAttributes } from './public-attributes.ts';
import type { Identified } from './resolve.ts';

/** A reference as it was understood; no secrets. */
export interface ReferenceReport {
  /** Form of the document. */
  readonly schema: 'ctxsrc/v1';
  /** The reference as it was given. */
  readonly ref: string;
  /** NAME of `NAME=REF`. */
  readonly name?: string;
  /** The kind of source. */
  readonly scheme: string;
  /** Normalised; it identifies the same. */
  readonly identifier: string;
  /** `os/arch[/variant]` that selects one of several images; absent where nothing is selected by it. */
  readonly platform?: string;
  /** The flags that hold for it, by name. */
  readonly attributes: Attributes;
  /** The parts of the identifier: each kind of source has its own. */
  readonly [part: string]: unknown;
}

/** The digests of a reference. */
export interface DigestReport {
  /** Root digest: of an index, where there is one. */
  readonly digest: string | undefined;
  /** Media type of what has the root digest. */
  readonly mediaType?: string | undefined;
  /** Of the chosen platform's manifest, for images. */
  readonly manifest?: string | undefined;
  /** Of the configuration, for images. */
  readonly config?: string | undefined;
  /** The platform that the image itself says it is for. */
  readonly imagePlatform?: string | undefined;
  /** The reference with its root digest; absent where there is no such form. */
  readonly pinned?: string | undefined;
}

/** One key of a reference. */
export interface KeyReport {
  /** 0 for the definition key; the last one is the content key. */
  readonly index: number;
  /** The key, as BuildKit spells it. */
  readonly key: string;
  /** Root digest at that time. */
  readonly pin: string;
  /** True for the last one. */
  readonly done: boolean;
  /** The digest that BuildKit's solver derives from the key. */
  readonly solver: string;
  /** The exact text that was hashed, where it was asked for and there is one. */
  readonly preimage?: string;
}

/** The keys of a reference. */
export interface Keys {
  /** All keys, by index. */
  readonly keys: readonly KeyReport[];
  /** Content key: the last of `keys`. */
  readonly key: string;
  /** What the key does not cover, for instance `xattrs`. */
  readonly incomplete: readonly string[];
}

/** True for image references: the platform selects one of several images. */
export function choosesPlatform(one: Identified): boolean {
  return one.source.attributes.some((spec) => spec.name === 'platform');
}

/**
 * The facts about an identified reference: its identifier, the identifier's own facts, and the platform if the source
 * selects by it. No secrets.
 */
export function identifierMembers(one: Identified, defaultPlatform: string): ReferenceReport {
  return {
    schema: 'ctxsrc/v1',
    ref: shownReference(one.ref.text),
    ...(one.ref.name === undefined ? {} : { name: one.ref.name }),
    scheme: one.identifier.scheme,
    identifier: shownReference(one.identifier.toString()),
    ...(choosesPlatform(one) ? { platform: String(one.identifier.attributes.platform ?? defaultPlatform) } : {}),
    ...(one.identifier.toJSON() as Record<string, unknown>),
    attributes: publicAttributes(one.source, one.identifier.attributes),
  };
}

/** The digests of a reference, and the platform of its image; may cost a request. */
export async function digestMembers(digests: Digests | undefined, pin: string | undefined): Promise<DigestReport> {
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
export function keyMembers(keys: readonly CacheKeyResult[], preimages: boolean): Keys {
  return {
    keys: keys.map((result, index) => ({
      index,
      key: result.key,
      pin: result.pin,
      done: result.done,
      solver: solverDigest(result.key),
      ...(preimages && result.preimage !== undefined ? { preimage: result.preimage } : {}),
    })),
    key: keys.at(-1)!.key,
    incomplete: unseen(keys),
  };
}

/** `--safe`: a key as `sha256-<hex>`; made from the solver's digest if the key is not a sha256 digest itself. */
export function safeKey(key: string): string {
  const digest = /^sha256:[0-9a-f]{64}$/.test(key) ? key : solverDigest(key);
  return `sha256-${digest.slice(digest.indexOf(':') + 1)}`;
}
