/** The local cache as sources see it. `src/store/` implements it. */
import type { Digest } from '../core/digest.ts';
import type { Descriptor } from '../oci/types.ts';
import type { BlobStore } from './blobs.ts';
import type { ImmutableRef, Recipe } from './ref.ts';
import type { JobContext } from './session.ts';

export type { BlobGrowth, BlobStore, IngestSource } from './blobs.ts';

/** The cache directory, as sources use it. */
export interface Store {
  /** The cache directory, absolute. */
  readonly root: string;
  /** Blobs by digest. */
  readonly blobs: BlobStore;
  /** Small documents by kind and key. */
  readonly records: RecordStore;
  /** What is in layers that were read. */
  readonly entryIndexes: EntryIndexStore;
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
   * @param name what people call it, without secrets, where the key does not say so
   */
  workspace(
    job: JobContext,
    kind: string,
    key: string,
    name?: string,
  ): Promise<{ readonly path: string; release(): Promise<void> }>;
  /**
   * Where that directory is, or would be. It is neither made, held nor kept: for a look at what may be there, while
   * others change or remove it.
   */
  workspacePath(kind: string, key: string): Promise<string>;
  /**
   * Adds an image to the `index.json` of the store under `name` (annotation `org.opencontainers.image.ref.name`, for
   * instance `docker.io/library/alpine:3.20`). All its content for one platform has to be in the store. Other tools
   * find it there, and its blobs are kept. An existing name moves to the new descriptor.
   */
  tagImage(name: string, descriptor: Descriptor): Promise<void>;
  /** Releases the leases and removes the temporary files of this process. */
  close(): Promise<void>;
}

/** What the layers with these diff IDs consist of, so that they need not be read to be listed. */
export interface EntryIndexStore {
  /** The pieces that were put for a layer, verified by their own digest; undefined if there are none. */
  get(diffId: Digest): Promise<readonly Uint8Array[] | undefined>;
  /** Does nothing if the store is not writable, or the pieces are too many to be kept. */
  put(diffId: Digest, pieces: readonly Uint8Array[]): Promise<void>;
}

/** Small JSON records, one file each: validated when read, rebuildable, never trusted for integrity. */
export interface RecordStore {
  /** The document; undefined if there is none. */
  get(kind: string, key: string): Promise<unknown>;
  /** Puts a document in the place of an earlier one. */
  set(kind: string, key: string, value: unknown): Promise<void>;
  /** Removes a document, if there is one. */
  delete(kind: string, key: string): Promise<void>;
}

/** The store as `ctxsrc cache` uses it. */
export interface StoreAdmin {
  /** The items of the store that match every filter, last used first. `E_USAGE` for an invalid filter. */
  list(filter?: readonly string[]): Promise<readonly StoreItem[]>;
  /** The images that it lists, each platform that is there. */
  images(): Promise<readonly StoredImage[]>;
  /** What it takes of the disk. `E_USAGE` for an invalid filter. */
  usage(filter?: readonly string[]): Promise<UsageReport>;
  /** Removes content, but nothing that a running process leases. Without options: content that nothing refers to. */
  prune(job: JobContext, options?: PruneOptions): Promise<PruneReport>;
  /** Hashes everything again. Damaged items are reported and removed, so that the next run fetches them again. */
  verify(job: JobContext): Promise<VerifyReport>;
}

/** An image in the store. */
export interface StoredImage {
  /** As it was asked for. */
  readonly name: string;
  /** Its root. */
  readonly digest: Digest;
  /** Digest of its manifest. */
  readonly manifest: Digest;
  /** Of its layers, base first. */
  readonly diffIds: readonly string[];
}

/** A running process that uses something of the store. */
export interface UsingProcess {
  /** Its number. */
  readonly pid: number;
  /** False for a process of another container or machine, where the number means another one. */
  readonly here: boolean;
}

/** One thing in the store. */
export interface StoreItem {
  /**
   * `temporary` is what running processes write, `store` the lists, locks and leases of the store itself; neither is
   * removed.
   */
  readonly kind:
    | 'image'
    | 'blob'
    | 'snapshot'
    | 'record'
    | 'stat-cache'
    | 'entries'
    | 'partial'
    | 'workspace'
    | 'temporary'
    | 'store';
  /** Name of an image, digest of a blob, ID of a snapshot, kind and key of a record or workspace, diff ID of entries. */
  readonly id: string;
  /** What people call it: the image or address that it comes from, where that is known; else the ID. */
  readonly name: string;
  /** Of a blob or an image. */
  readonly digest?: Digest | undefined;
  /** Bytes on disk, `own` and `shared`. Content that images share is counted for each of them. */
  readonly size: number;
  /** What comes back if this item alone goes: blocks of files that only it has. */
  readonly own: number;
  /** Blocks of files that others have too. */
  readonly shared: number;
  /** Length of its files, as programs that read them see it. */
  readonly length: number;
  /** Milliseconds since the epoch. */
  readonly lastUsed: number;
  /** It stays: a running process uses it, or may need it later. */
  readonly leased: boolean;
  /** The processes that use it. */
  readonly inUse: readonly UsingProcess[];
  /** An image, a record or a running process refers to it, or may: where one of them cannot be read. */
  readonly referenced: boolean;
  /** What is wrong with it, as a part of a sentence. */
  readonly problem?: string | undefined;
}

/** Items of one kind and name, summed: a line of `cache du`. */
export interface StoreRow
  extends Pick<StoreItem, 'kind' | 'name' | 'own' | 'shared' | 'length' | 'lastUsed' | 'inUse' | 'problem'> {
  /** How many items. */
  readonly count: number;
}

/** What the store takes of the disk: blocks of files, each file once. Folders' own blocks are not counted. */
export interface UsageReport {
  /** The cache directory. */
  readonly store: string;
  /** Everything in it: the `own` of all rows, and `shared` once each, when no filter was given. */
  readonly total: number;
  /** Bytes that this user may still write on the file system; absent where the system does not tell. */
  readonly free?: number | undefined;
  /** Those that match the filters, the largest first. */
  readonly rows: readonly StoreRow[];
  /** Bytes that several rows have. */
  readonly shared: readonly SharedUsage[];
  /** What `prune` without options would free. */
  readonly reclaimable: number;
  /** Folders that this user may not read, and that are not counted. */
  readonly unread: number;
}

/** Bytes that several rows have. */
export interface SharedUsage {
  /** How many, counted once. */
  readonly bytes: number;
  /** Whose they are. */
  readonly rows: readonly Pick<StoreRow, 'kind' | 'name'>[];
  /** What keeps the bytes even if all of these rows go. */
  readonly also?: 'links outside the store' | 'a running process' | undefined;
}

/** What is removed from the store. */
export interface PruneOptions {
  /** The store holds at most this many bytes afterwards; the least recently used items go first. */
  readonly maxSize?: number | undefined;
  /** Milliseconds: items used within this time are kept. */
  readonly keepDuration?: number | undefined;
  /** Remove everything that is not leased. */
  readonly all?: boolean | undefined;
  /** Only report what would be removed. */
  readonly dryRun?: boolean | undefined;
  /** Only items that match every filter: `kind=snapshot`, `name~=regular expression`. */
  readonly filter?: readonly string[] | undefined;
  /** Look only about how large the store is, as long as that is clearly below `maxSize`. */
  readonly estimate?: boolean | undefined;
}

/** What was removed, and what stays. */
export interface PruneReport {
  /** What was removed, or would be. */
  readonly removed: readonly StoreItem[];
  /** The same, summed as `cache du` shows them: the `own` of all, and `shared` once each, is what comes back. */
  readonly rows: readonly StoreRow[];
  /** Bytes that several of the rows have, and that come back. */
  readonly shared: readonly SharedUsage[];
  /** What stays, and why. */
  readonly kept: readonly (StoreRow & { readonly why: KeptReason })[];
  /** Bytes that came back, or would. */
  readonly freed: number;
  /** Bytes that remain. */
  readonly remaining: number;
}

/**
 * `in use`: by the processes of the row. `referenced`: an image or a record refers to it. `filtered`: no filter chose
 * it. `recent`: it was used within the time. `fits`: the store is small enough with it. `needed`: the store itself
 * needs it. `unread`: this user or machine cannot read what it is.
 */
export type KeptReason = 'in use' | 'referenced' | 'filtered' | 'recent' | 'fits' | 'needed' | 'unread';

export interface VerifyReport {
  readonly blobs: number;
  readonly snapshots: number;
  readonly bytes: number;
  /** The problems found, one each, and all of them removed. */
  readonly problems: readonly {
    readonly kind: 'blob' | 'snapshot' | 'record' | 'entries' | 'index';
    readonly id: string;
    readonly problem: string;
  }[];
}
