/**
 * The source contract: what BuildKit's `source` package asks of a source. `docs/sources.md` explains it; the
 * conformance kit (`src/conformance/`) checks it. Types only.
 */
import type { Digest } from '../core/digest.ts';
import type { ReadLimits } from '../core/read-limits.ts';
import type { Descriptor } from '../oci/types.ts';
import type { AttributeSpec, Attributes } from './attributes.ts';
import type { Owner } from './entry.ts';
import type { ImmutableRef } from './ref.ts';
import type { JobContext } from './session.ts';
import type { SharedCache } from './shared-cache.ts';
import type { Store } from './store.ts';

/** A reference split at its scheme; `text` is what the user typed, `rest` what follows `scheme://`. */
export interface SchemeRef {
  /** What stands before `://`; `local` for a path. */
  readonly scheme: string;
  /** What stands behind it. */
  readonly rest: string;
  /** What was typed. */
  readonly text: string;
  /** NAME of `NAME=REF`. */
  readonly name?: string | undefined;
}

/** Turns references of its schemes into instances. One object per kind of source, registered in one table. */
export interface Source {
  /** Those that no other source has. */
  readonly schemes: readonly string[];
  /** One line per scheme for `ctxsrc sources`: its grammar and an example. */
  readonly grammar: readonly {
    readonly scheme: string;
    readonly form: string;
    readonly example: string;
    readonly summary: string;
  }[];
  /** The flags that it takes. */
  readonly attributes: readonly AttributeSpec[];
  /** It uses the shared cache of its environment: `--cache-from` and `--cache-to` mean something for it. */
  readonly shares?: boolean | undefined;
  /**
   * No I/O, except the check whether a local path exists. The same text and attributes give the same identifier. Throws
   * a usage error (exit 2) that names the part at fault.
   */
  identify(ref: SchemeRef, attrs: Attributes): Identifier;
  /**
   * The same reference for a reader in another directory: relative and absolute paths, seen from `from`, become
   * relative to `to` (both absolute). Only sources that name local paths have it; lock files use it.
   */
  rebase?(ref: SchemeRef, from: string, to: string): string;
  /** Binds an identifier to what it needs. Cheap; I/O starts with the first `cacheKey`. */
  resolve(id: Identifier, env: SourceEnv): SourceInstance;
}

/** The parsed, normalised reference, with the attributes that change its content. */
export interface Identifier {
  /** Of its source. */
  readonly scheme: string;
  /** All attributes that the source understood: lock files, sidecars and other processes take them from here. */
  readonly attributes: Attributes;
  /** The file or directory on this machine that the source reads, absolute; not part of what the identifier prints. */
  readonly localPath?: string | undefined;
  /**
   * Set when the reference is read as BuildKit reads it, but the user probably meant something else: the reading, and
   * what to type instead.
   */
  readonly doubt?: { readonly text: string; readonly hint: string } | undefined;
  /**
   * The same reference with this root digest; undefined if the digest is malformed or differs from the digest in the
   * reference. No I/O. Sources without such a form (directories, http, docker-archive) leave it out.
   */
  pinned?(digest: string): string | undefined;
  /** A reference that means the same: `identify(parse(String(id)), id.attributes)` equals `id`. */
  toString(): string;
  /**
   * An object of the parts and attributes: two identifiers are the same if these are. No secrets: `parse --json` shows
   * it.
   */
  toJSON(): unknown;
}

/** The environment of a source. */
export interface SourceEnv {
  /** The store of this run. */
  readonly store: Store;
  /** Open no socket; missing content is `E_OFFLINE`. */
  readonly offline: boolean;
  /** False with `--no-stat-cache`. */
  readonly statCache: boolean;
  /** Opaque to the contract: the registry and http options of the command line, for the sources that use servers. */
  readonly network: NetworkOptions;
  /** Where content that proves itself by its pin is looked up and put; absent when there is none, and offline. */
  readonly sharedCache?: SharedCache | undefined;
  /**
   * Limits on what a command reads of a source (else `E_LIMIT`, before reading if the size is known). Unless given,
   * each source has its own limits.
   */
  readonly limits?: ReadLimits | undefined;
  /** The platform of references that name none, for instance `linux/amd64`. */
  readonly defaultPlatform: string;
  /**
   * True if the user chose the default platform (`DOCKER_DEFAULT_PLATFORM`): an image of another platform is then worth
   * a message.
   */
  readonly platformAsked?: boolean | undefined;
}

/** Options for everything that opens a connection. Durations are milliseconds. */
export interface NetworkOptions {
  /** Hosts that are spoken to without TLS, `HOST[:PORT]`. */
  readonly plainHttp: readonly string[];
  /** Hosts whose certificate is not verified. */
  readonly insecure: readonly string[];
  /** Path of further certificate authorities (PEM). */
  readonly caFile?: string | undefined;
  /** Path of the client certificate (PEM). */
  readonly clientCert?: string | undefined;
  /** Path of its key (PEM). */
  readonly clientKey?: string | undefined;
  /**
   * Addresses, or ranges (`127.0.0.0/8`), to which servers may redirect this program although they are closed by
   * default.
   */
  readonly allowAddress?: readonly string[] | undefined;
  /** A netrc file: user names and passwords of HTTP Basic for http sources. */
  readonly netrc?: string | undefined;
  /** In order of preference: `{ host: 'docker.io', mirror: 'mirror.example/prefix' }`. */
  readonly mirrors: readonly { readonly host: string; readonly mirror: string }[];
  /** How often a failed request is repeated. */
  readonly retry: number;
  /** Milliseconds: the longest wait that a server may ask for. */
  readonly maxWait: number;
  /** Milliseconds: a connection that is silent for longer is given up. */
  readonly stallTimeout: number;
  /** Downloads at a time for each host. */
  readonly parallel: number;
}

/** One key of an instance, with what the solver needs beside it. */
export interface CacheKeyResult {
  /** Verbatim, as BuildKit spells it. */
  readonly key: string;
  /** Root digest: what the mutable name pointed to. */
  readonly pin: string;
  /** True when no further index exists. */
  readonly done: boolean;
  /** What later steps need; it is in no key. */
  readonly opts: CacheOpts;
  /** The exact text whose hash is in `key`, if the key is a hash of one text (`--json -v`). */
  readonly preimage?: string | undefined;
  /** Properties that could not be read while the key was made, for instance `xattrs`. */
  readonly incomplete?: readonly string[] | undefined;
}

/** A source bound to one identifier. */
export interface SourceInstance {
  /**
   * Called with index 0, 1, … until done. Read-only and repeatable. The result is remembered, and so is a failure
   * unless it was an abort.
   */
  cacheKey(job: JobContext, index: number): Promise<CacheKeyResult>;
  /**
   * The content; null when the source is legitimately empty. Works even if `cacheKey` ran in another process, or if its
   * blobs were collected since.
   */
  snapshot(job: JobContext): Promise<ImmutableRef | null>;
  /** The digests that `ctxsrc digest` prints, made with less work than a key if the source can. */
  digests?(job: JobContext): Promise<Digests>;
  /** Makes all content of the source present in the store. */
  pull?(job: JobContext): Promise<void>;
  /** The facts that `inspect` shows and that `diff` compares without content. */
  describe?(job: JobContext, options?: DescribeOptions): Promise<Description>;
  /** Whose all files are in the source, whoever writes them on this machine: lists show it. */
  readonly owner?: Owner | undefined;
  /** The files, if they are on this machine already: `diff` compares them in place, without a copy. */
  files?(job: JobContext): Promise<FilesInPlace>;
  /** The manifest and configuration of the chosen platform, their bytes as received, to export an image unchanged. */
  image?(job: JobContext): Promise<ImageDocuments>;
  /** The image as it lies there, and a way to each of its blobs, to push it byte for byte. */
  content?(job: JobContext): Promise<ImageContent>;
  /** Possible completions of the reference (tags of a layout, platforms of an index), for errors and completion. */
  candidates?(job: JobContext): Promise<readonly string[]>;
}

/** A directory on this machine, and which of its entries belong to the source. */
export interface FilesInPlace {
  /** Absolute, without links, as a byte string. */
  readonly root: string;
  /** Patterns of what belongs to it; everything when absent. */
  readonly include?: readonly string[] | undefined;
  /** Patterns of what does not. */
  readonly exclude?: readonly string[] | undefined;
  /** Paths that belong to it with every link on the way. */
  readonly follow?: readonly string[] | undefined;
  /** How modes count. */
  readonly modes: 'exact' | 'exec';
  /** Folder of the stat cache; absent: digests are not remembered. */
  readonly statCache?: string | undefined;
  /** The origin of the exclude pattern at an index, for people: `.dockerignore line 3: *.log`. */
  excludedBy(index: number): string;
}

/** The two documents of an image: its manifest and its configuration. */
export interface ImageDocuments {
  /** The manifest. */
  readonly manifest: { readonly descriptor: Descriptor; readonly bytes: Uint8Array };
  /** The configuration. */
  readonly config: { readonly descriptor: Descriptor; readonly bytes: Uint8Array };
}

/** What lies beside an image and is about it: a signature, an attestation, a bill of materials. */
export interface Companion {
  /** A manifest, or an index of several. */
  readonly descriptor: Descriptor;
  /** The tag by which it is found, made from the digest of the image; absent for one that names the image as its subject. */
  readonly tag?: string | undefined;
}

/** The documents and blobs of an image, as received. Nothing beyond the root is read before it is asked for. */
export interface ImageContent {
  /** An index, or a manifest. */
  readonly root: Descriptor;
  /** The repository of a registry that has the content, if that is where it lies. */
  readonly repository?: { readonly host: string; readonly repository: string } | undefined;
  /** The manifest of the chosen platform. Errors: those of `cacheKey`. */
  manifest(job: JobContext): Promise<Descriptor>;
  /** An index, manifest or configuration, verified. */
  document(job: JobContext, descriptor: Descriptor): Promise<Uint8Array>;
  /** What lies beside the image and is about this index or manifest; absent where nothing can lie beside an image. */
  beside?(job: JobContext, subject: Digest): Promise<readonly Companion[]>;
  /** A file with the bytes of a blob, which is brought into the store unless it lies on this machine; not verified. */
  file(job: JobContext, descriptor: Descriptor): Promise<string>;
}

/** The digests of one reference. `manifest` and `config` only for images. */
export interface Digests {
  /** Root digest. */
  readonly digest: string;
  /** Media type of what has the root digest. */
  readonly mediaType?: string | undefined;
  /** Its bytes. */
  readonly size?: number | undefined;
  /**
   * The reference with the root digest; undefined if the source has no such form (directories, http, docker-archive).
   */
  readonly pinned?: string | undefined;
  /** Digests of the chosen platform's manifest and configuration; each call may cost a request. */
  manifest?(): Promise<Digest | undefined>;
  /** Digest of the configuration. */
  config?(): Promise<Digest | undefined>;
  /** The platform in the configuration of the chosen image, which may differ from the platform asked for. */
  imagePlatform?(): Promise<string | undefined>;
}

/** What is asked of a description. */
export interface DescribeOptions {
  /** A path of a directory: what decides on it. */
  readonly why?: string | undefined;
  /** Also the facts that only a person looks at; they are not compared. */
  readonly detailed?: boolean | undefined;
}

/** Free-form, JSON-safe facts; the common members are declared. */
export interface Description {
  /** The normalised reference. */
  readonly identifier: string;
  readonly [fact: string]: unknown;
}

/** How to get one layer of which only the descriptor is known. */
export interface DescriptorHandler {
  /** The blob. */
  readonly descriptor: Descriptor;
  /** Digest of the uncompressed archive; undefined where it is not known. */
  readonly diffId: string | undefined;
  /** Makes the blob present, verified, in the store. */
  fetch(job: JobContext): Promise<void>;
}

/**
 * Facts that a call of `cacheKey` found, which later steps need and which never influence the key: one handler per
 * layer digest.
 */
export type CacheOpts = ReadonlyMap<Digest, DescriptorHandler>;

/** For sources without layers. */
export const NO_CACHE_OPTS: CacheOpts = new Map();
