/** What sources see of the local cache. `src/store/` implements it. */
import type { Readable } from 'node:stream';
import type { Digest } from '../core/digest.ts';
import type { Descriptor } from '../oci/types.ts';
import type { ImmutableRef, Recipe } from './ref.ts';
import type { JobContext } from './session.ts';

export interface Store {
  /** The cache directory, absolute. */
  readonly root: string;
  readonly blobs: BlobStore;
  readonly records: RecordStore;
  /** A ref that is made on demand by a recipe; one with the same id shares its files. */
  ref(recipe: Recipe): Promise<ImmutableRef>;
  /** Turns a directory built under `tempDir` into an ImmutableRef. */
  commit(dir: string, id: string): Promise<ImmutableRef>;
  /** A fresh private directory on the store's file system, leased by this process; removed on close if still there. */
  tempDir(): Promise<string>;
  /**
   * A directory that a source keeps from run to run and works in, for instance a bare git repository, by kind and key:
   * empty at first, held by one caller at a time until released (others, other processes included, wait, in the end
   * `E_LOCK_TIMEOUT`). Nothing in it may be needed for a result: it is collected when nobody holds it.
   */
  workspace(job: JobContext, kind: string, key: string): Promise<{ readonly path: string; release(): Promise<void> }>;
  /**
   * Enters an image, all of whose content for one platform is in the store, in the `index.json` of the store under
   * `name` (annotation `org.opencontainers.image.ref.name`, for instance `docker.io/library/alpine:3.20`): other tools
   * find it there, and what it refers to is kept. The same name moves to the new descriptor.
   */
  tagImage(name: string, descriptor: Descriptor): Promise<void>;
  /** Releases leases and temporary files of this process. */
  close(): Promise<void>;
}

export interface BlobStore {
  /** Where a blob lies or would lie. */
  path(digest: Digest): string;
  /** Size in bytes when the blob is there. */
  size(digest: Digest): Promise<number | undefined>;
  /**
   * The whole blob, hashed again while it is read; undefined when it is missing. One that does not match is removed,
   * said so in a warning, and missing. For small blobs: manifests, configs (`E_LIMIT` over `maxBytes`).
   */
  read(digest: Digest, maxBytes: number): Promise<Buffer | undefined>;
  /** A stream of the blob from `offset`; the caller verifies. */
  open(digest: Digest, offset?: number): Readable;
  /**
   * Stores a blob: `produce` is asked for the bytes from `offset` on (greater than 0 when an earlier partial download is
   * resumed). Bytes are hashed on the way; a wrong digest or size is an error and leaves nothing; a blob gets its name
   * only when it is whole and synced. Concurrent callers, other processes included, share one ingest.
   * @returns `cached` when the blob was there or another caller stored it: `growth` may have heard nothing.
   */
  ingest(
    job: JobContext,
    blob: { readonly digest: Digest; readonly size?: number | undefined; readonly mediaType?: string | undefined },
    produce: (resume: { readonly offset: number; readonly validator?: string | undefined }) => Promise<IngestSource>,
    options?: {
      readonly growth?: BlobGrowth | undefined;
    },
  ): Promise<'stored' | 'cached'>;
  /** Stores bytes already in memory, verified against the digest. Without effect where the store cannot be written. */
  put(digest: Digest, bytes: Uint8Array): Promise<void>;
  /** The caller read the blob and its bytes do not match: it is removed and said so in a warning; fetch it again. */
  discard(digest: Digest): Promise<void>;
}

/**
 * Told while a blob is being stored where its bytes lie and how many of them, from the first on, may be read: the part
 * kept from an earlier run at once, then again after every write. It is one file during the whole call, which gets its
 * final name at the end (open it when first told; the descriptor stays good). The bytes are not verified yet: what is
 * made of them is thrown away when `ingest` fails. Nothing holds the download back. Must be quick and must not throw.
 */
export type BlobGrowth = (path: string, bytes: number) => void;

/** The answer of a blob's origin. `offset` is where `body` begins: smaller than asked for when the origin cannot resume. */
export interface IngestSource {
  readonly body: AsyncIterable<Uint8Array>;
  readonly offset: number;
  /** Lets the origin recognise that a later range belongs to the same bytes (ETag). Kept beside a partial download. */
  readonly validator?: string | undefined;
}

/** Small JSON records, one file each: validated on read, rebuildable, never trusted for integrity. */
export interface RecordStore {
  get(kind: string, key: string): Promise<unknown>;
  set(kind: string, key: string, value: unknown): Promise<void>;
  delete(kind: string, key: string): Promise<void>;
}

/** What `ctxsrc cache` asks of the store. */
export interface StoreAdmin {
  /** Everything in the store, last used first. */
  list(): Promise<readonly StoreItem[]>;
  usage(): Promise<StoreUsage>;
  /** Removes content; never what a running process leases. Without options: what nothing refers to. */
  prune(job: JobContext, options?: PruneOptions): Promise<PruneReport>;
  /** Hashes everything again; what is bad is reported and removed, so that the next run fetches it again. */
  verify(job: JobContext): Promise<VerifyReport>;
}

export interface StoreItem {
  readonly kind: 'image' | 'blob' | 'snapshot' | 'record' | 'partial' | 'workspace';
  /** Name of an image, digest of a blob, id of a snapshot, kind and key of a record or workspace. */
  readonly id: string;
  readonly digest?: Digest | undefined;
  /** Bytes on disk. What images share is counted with each of them. */
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly lastUsed: number;
  /** A running process uses it. */
  readonly leased: boolean;
  /** An image, a record or a running process refers to it. */
  readonly referenced: boolean;
}

/** Bytes and number of files; `total` is what lies under the root. */
export interface StoreUsage {
  readonly blobs: SizeCount;
  readonly snapshots: SizeCount;
  readonly records: SizeCount;
  /** Partial downloads and directories of running processes. */
  readonly temporary: SizeCount;
  readonly total: SizeCount;
  /** What `prune` without options would free. */
  readonly reclaimable: number;
}

export interface SizeCount {
  readonly bytes: number;
  readonly count: number;
}

export interface PruneOptions {
  /** Afterwards the store holds at most so many bytes; least recently used first. */
  readonly maxSize?: number | undefined;
  /** Milliseconds: what was used within them is kept. */
  readonly keepDuration?: number | undefined;
  /** Everything that is not leased. */
  readonly all?: boolean | undefined;
  /** Only says what would go. */
  readonly dryRun?: boolean | undefined;
  /** Only items for which every one holds: `kind=snapshot`, `id~=regular expression`. */
  readonly filter?: readonly string[] | undefined;
}

export interface PruneReport {
  readonly removed: readonly StoreItem[];
  readonly freed: number;
  /** Bytes that remain. */
  readonly remaining: number;
}

export interface VerifyReport {
  readonly blobs: number;
  readonly snapshots: number;
  readonly bytes: number;
  /** What was wrong, one entry each, and removed. */
  readonly problems: readonly {
    readonly kind: 'blob' | 'snapshot' | 'record' | 'index';
    readonly id: string;
    readonly problem: string;
  }[];
}
