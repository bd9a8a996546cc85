/** The local cache as sources see it. `src/store/` implements it. */
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
  /** A ref whose files a recipe makes on demand; refs with the same ID share their files. */
  ref(recipe: Recipe): Promise<ImmutableRef>;
  /**
   * Turns a directory made under `tempDir` into an ImmutableRef. The directory is removed if files with this ID exist
   * already.
   */
  commit(dir: string, id: string): Promise<ImmutableRef>;
  /**
   * A fresh private directory on the store's file system, leased by this process. The caller removes it unless it is
   * committed, after an abort for instance: the store does so only when it is closed, which may be days later.
   */
  tempDir(): Promise<string>;
  /**
   * A directory, by kind and key, that a source keeps between runs, for instance a bare git repository. It is empty at
   * first and held by one caller at a time until released; others, in other processes too, wait (`E_LOCK_TIMEOUT` in
   * the end). No result may depend on its content: it may be collected when nobody holds it.
   */
  workspace(job: JobContext, kind: string, key: string): Promise<{ readonly path: string; release(): Promise<void> }>;
  /**
   * Adds an image to the `index.json` of the store under `name` (annotation `org.opencontainers.image.ref.name`, for
   * instance `docker.io/library/alpine:3.20`). All its content for one platform has to be in the store. Other tools
   * find it there, and its blobs are kept. An existing name moves to the new descriptor.
   */
  tagImage(name: string, descriptor: Descriptor): Promise<void>;
  /** Releases the leases and removes the temporary files of this process. */
  close(): Promise<void>;
}

/** Small JSON records, one file each: validated when read, rebuildable, never trusted for integrity. */
export interface RecordStore {
  get(kind: string, key: string): Promise<unknown>;
  set(kind: string, key: string, value: unknown): Promise<void>;
  delete(kind: string, key: string): Promise<void>;
}

/** The store as `ctxsrc cache` uses it. */
export interface StoreAdmin {
  /** All items of the store, last used first. */
  list(): Promise<readonly StoreItem[]>;
  usage(): Promise<StoreUsage>;
  /** Removes content, but nothing that a running process leases. Without options: content that nothing refers to. */
  prune(job: JobContext, options?: PruneOptions): Promise<PruneReport>;
  /** Hashes everything again. Damaged items are reported and removed, so that the next run fetches them again. */
  verify(job: JobContext): Promise<VerifyReport>;
}

export interface StoreItem {
  readonly kind: 'image' | 'blob' | 'snapshot' | 'record' | 'stat-cache' | 'partial' | 'workspace';
  /** Name of an image, digest of a blob, ID of a snapshot, kind and key of a record or workspace. */
  readonly id: string;
  readonly digest?: Digest | undefined;
  /** Bytes on disk. Content that images share is counted for each of them. */
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly lastUsed: number;
  /** A running process uses it. */
  readonly leased: boolean;
  /** An image, a record or a running process refers to it. */
  readonly referenced: boolean;
}

/** Bytes and number of files; `total` is everything below the root. */
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
  /** The store holds at most this many bytes afterwards; the least recently used items go first. */
  readonly maxSize?: number | undefined;
  /** Milliseconds: items used within this time are kept. */
  readonly keepDuration?: number | undefined;
  /** Remove everything that is not leased. */
  readonly all?: boolean | undefined;
  /** Only report what would be removed. */
  readonly dryRun?: boolean | undefined;
  /** Only items that match every filter: `kind=snapshot`, `id~=regular expression`. */
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
  /** The problems found, one each, and all of them removed. */
  readonly problems: readonly {
    readonly kind: 'blob' | 'snapshot' | 'record' | 'index';
    readonly id: string;
    readonly problem: string;
  }[];
}
