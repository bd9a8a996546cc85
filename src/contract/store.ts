/** What sources see of the local cache. `src/store/` implements it. */
import type { Digest } from '../core/digest.ts';
import type { Descriptor } from '../oci/types.ts';
import type { BlobStore } from './blobs.ts';
import type { ImmutableRef, Recipe } from './ref.ts';
import type { JobContext } from './session.ts';

export type { BlobGrowth, BlobStore, IngestSource } from './blobs.ts';

export interface Store {
  /** The cache directory, absolute. */
  readonly root: string;
  readonly blobs: BlobStore;
  readonly records: RecordStore;
  /** A ref that is made on demand by a recipe; one with the same id shares its files. */
  ref(recipe: Recipe): Promise<ImmutableRef>;
  /** Turns a directory built under `tempDir` into an ImmutableRef; it goes when there are files of this id already. */
  commit(dir: string, id: string): Promise<ImmutableRef>;
  /**
   * A fresh private directory on the store's file system, leased by this process. Whoever asked for it removes it when it
   * does not come to a commit, by an abort for instance: the store does so only on close, which may be days later.
   */
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
  readonly kind: 'image' | 'blob' | 'snapshot' | 'record' | 'stat-cache' | 'partial' | 'workspace';
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
  /** Records and the stat caches of directories. */
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
