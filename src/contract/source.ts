/**
 * The source contract: what BuildKit's `source` package asks of a source. `docs/sources.md` explains it; the
 * conformance kit (`src/conformance/`) checks it. Types only.
 */
import type { Digest } from '../core/digest.ts';
import type { ReadLimits } from '../core/read-limits.ts';
import type { Descriptor } from '../oci/types.ts';
import type { AttributeSpec, Attributes } from './attributes.ts';
import type { ImmutableRef } from './ref.ts';
import type { JobContext } from './session.ts';
import type { Store } from './store.ts';

/** A reference split at its scheme; `text` is what the user typed, `rest` what follows `scheme://`. */
export interface SchemeRef {
  readonly scheme: string;
  readonly rest: string;
  readonly text: string;
  /** NAME of `NAME=REF`. */
  readonly name?: string | undefined;
}

/** Turns references of its schemes into instances. One object per kind of source, registered in one table. */
export interface Source {
  readonly schemes: readonly string[];
  /** One line a scheme for `ctxsrc sources`: its grammar and an example. */
  readonly grammar: readonly {
    readonly scheme: string;
    readonly form: string;
    readonly example: string;
    readonly summary: string;
  }[];
  readonly attributes: readonly AttributeSpec[];
  /**
   * No I/O, except asking whether a local path exists. Same text and attributes, same identifier. Throws a usage error
   * (exit 2) that names the offending part.
   */
  identify(ref: SchemeRef, attrs: Attributes): Identifier;
  /**
   * The same reference for a reader in another directory: relative paths of `from` become relative paths of `to` (both
   * absolute), absolute paths too. Only sources that name local paths have it; lock files are made with it.
   */
  rebase?(ref: SchemeRef, from: string, to: string): string;
  /** Binds an identifier to what it needs. Cheap; I/O starts with the first `cacheKey`. */
  resolve(id: Identifier, env: SourceEnv): SourceInstance;
}

/** The parsed, normalised reference, with the attributes that change its content. */
export interface Identifier {
  readonly scheme: string;
  /** Those that were understood, all of them: lock files, sidecars and other processes have them from here. */
  readonly attributes: Attributes;
  /** The file or directory on this machine that the source reads, absolute; not part of what the identifier prints. */
  readonly localPath?: string | undefined;
  /** It is taken as BuildKit takes it, and probably means something else: what is taken, and what to type instead. */
  readonly doubt?: { readonly text: string; readonly hint: string } | undefined;
  /**
   * The same reference with this root digest; undefined for a digest that it cannot have: malformed, or another one than
   * it names already. Asks nobody. Sources without such a form (directories, http, docker-archive) leave it out.
   */
  pinned?(digest: string): string | undefined;
  /** A reference that identifies the same: `identify(parse(String(id)), id.attributes)` equals `id`. */
  toString(): string;
  /** An object of its parts and attributes: two identifiers are the same when these are. No secrets: `parse --json` shows it. */
  toJSON(): unknown;
}

/** What a source is given to work with. */
export interface SourceEnv {
  readonly store: Store;
  /** No socket may be opened; what is missing is `E_OFFLINE`. */
  readonly offline: boolean;
  /** False with `--no-stat-cache`. */
  readonly statCache: boolean;
  /** Opaque to the contract: the registry and http options of the command line, for the sources that speak to servers. */
  readonly network: NetworkOptions;
  /**
   * Most that a command reads of a source (else `E_LIMIT`, before it is read where its size is known); what each source
   * has as its limit unless given.
   */
  readonly limits?: ReadLimits | undefined;
  /** `host` value of a default platform, for instance `linux/amd64`. */
  readonly defaultPlatform: string;
  /** Somebody asked for the default platform (`DOCKER_DEFAULT_PLATFORM`), so that an image of another one is worth a word. */
  readonly platformAsked?: boolean | undefined;
}

/** Options for everything that opens a connection. Durations are milliseconds. */
export interface NetworkOptions {
  readonly plainHttp: readonly string[];
  readonly insecure: readonly string[];
  readonly caFile?: string | undefined;
  readonly clientCert?: string | undefined;
  readonly clientKey?: string | undefined;
  /** Addresses, or ranges (`127.0.0.0/8`), that servers may send this program to although they are closed by default. */
  readonly allowAddress?: readonly string[] | undefined;
  /** A netrc file: user and password of HTTP Basic for the hosts that http sources ask. */
  readonly netrc?: string | undefined;
  /** In order of preference: `{ host: 'docker.io', mirror: 'mirror.example/prefix' }`. */
  readonly mirrors: readonly { readonly host: string; readonly mirror: string }[];
  readonly retry: number;
  readonly maxWait: number;
  readonly stallTimeout: number;
  readonly parallel: number;
}

/** One key of an instance, and what the solver asks beside it. */
export interface CacheKeyResult {
  /** Verbatim, as BuildKit spells it. */
  readonly key: string;
  /** Root digest: what the mutable name pointed at. */
  readonly pin: string;
  /** True when no further index exists. */
  readonly done: boolean;
  readonly opts: CacheOpts;
  /** The exact text that was hashed into `key`, when the key is a hash of one (`--json -v`). */
  readonly preimage?: string | undefined;
  /** What could not be seen while the key was made, for instance `xattrs`. */
  readonly incomplete?: readonly string[] | undefined;
}

export interface SourceInstance {
  /** Index 0, 1, … until done. Read-only, idempotent, repeatable; remembers its answer, and its failure unless it was an abort. */
  cacheKey(job: JobContext, index: number): Promise<CacheKeyResult>;
  /**
   * The content; null when the source is legitimately empty. Works though `cacheKey` ran in another process, or its blobs
   * were collected since.
   */
  snapshot(job: JobContext): Promise<ImmutableRef | null>;
  /** What `digest` prints: the root digest and its kin, cheaper than a key where the source can. */
  digests?(job: JobContext): Promise<Digests>;
  /** Makes all content of the source present in the store. */
  pull?(job: JobContext): Promise<void>;
  /** What `inspect` shows and `diff` compares without content. */
  describe?(job: JobContext, options?: { readonly why?: string | undefined }): Promise<Description>;
  /** The files where they lie on this machine already: `diff` compares them in place, without a copy. */
  files?(job: JobContext): Promise<FilesInPlace>;
  /** The chosen platform's manifest and configuration, their bytes as received, to export an image as it is. */
  image?(job: JobContext): Promise<ImageDocuments>;
  /** What could have been meant (tags of a layout, platforms of an index): for errors and completion. */
  candidates?(job: JobContext): Promise<readonly string[]>;
}

/** A directory of this machine, and what of it belongs to the source. */
export interface FilesInPlace {
  /** Absolute, without links, one character (U+0000 to U+00FF) a byte. */
  readonly root: string;
  readonly include?: readonly string[] | undefined;
  readonly exclude?: readonly string[] | undefined;
  readonly follow?: readonly string[] | undefined;
  readonly modes: 'exact' | 'exec';
  /** Folder where digests of the files are remembered; absent: nothing is. */
  readonly statCache?: string | undefined;
  /** For people, where the exclude pattern of an index comes from: `.dockerignore line 3: *.log`. */
  excludedBy(index: number): string;
}

/** The two documents of an image that are no layers. */
export interface ImageDocuments {
  readonly manifest: { readonly descriptor: Descriptor; readonly bytes: Uint8Array };
  readonly config: { readonly descriptor: Descriptor; readonly bytes: Uint8Array };
}

/** The digests of one reference. `manifest` and `config` only for images. */
export interface Digests {
  readonly digest: string;
  readonly mediaType?: string | undefined;
  readonly size?: number | undefined;
  /** The reference with the root digest; undefined where there is no such form (directories, http, docker-archive). */
  readonly pinned?: string | undefined;
  /** Digest of the chosen platform's manifest and of its configuration; each costs a request when asked for. */
  manifest?(): Promise<Digest | undefined>;
  config?(): Promise<Digest | undefined>;
  /** The platform that the chosen image's configuration names, which need not be the one that was asked for. */
  imagePlatform?(): Promise<string | undefined>;
}

/** Free-form but JSON-safe facts; the common members are named. */
export interface Description {
  readonly identifier: string;
  readonly [fact: string]: unknown;
}

/** How the caller gets one layer that is known by its descriptor only. */
export interface DescriptorHandler {
  readonly descriptor: Descriptor;
  readonly diffId: string | undefined;
  /** Makes the blob present, verified, in the store. */
  fetch(job: JobContext): Promise<void>;
}

/** What one call of `cacheKey` found that later steps need and that never influences the key: a handler per layer digest. */
export type CacheOpts = ReadonlyMap<Digest, DescriptorHandler>;

export const NO_CACHE_OPTS: CacheOpts = new Map();
