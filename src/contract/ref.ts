/**
 * ImmutableRef: a read-only, reference-counted handle of a source's files. `src/store/` implements it. A source gives
 * it a `Recipe`: the ID of the files and how to make them.
 */
import type { Digest } from '../core/digest.ts';
import type { Descriptor } from '../oci/types.ts';
import type { BlobGrowth } from './blobs.ts';
import type { Entries } from './entry.ts';
import type { JobContext } from './session.ts';

/** A counted handle of the files of a source, which need not exist yet. */
export interface ImmutableRef {
  /** ID of the files: a chain ID for images, else a digest derived from the content key. */
  readonly id: string;
  /** Adds a holder. */
  clone(): ImmutableRef;
  /** Removes a holder; after the last one the record may be collected. */
  release(): Promise<void>;
  /** Commits the ref: it can no longer change. */
  finalize(): Promise<void>;
  /** Unpacks lazy layers into the store. */
  extract(job: JobContext): Promise<void>;
  /** A read-only view of the files. */
  mount(job: JobContext): Promise<{ path: string; release(): Promise<void> }>;
  /** Descriptors to export, and a provider of their bytes; with `create`, missing blobs are made. */
  getRemotes(job: JobContext, options: RemoteOptions): Promise<readonly Remote[]>;
  /** One ref per layer, base first. The caller releases each of them. */
  layerChain(): readonly ImmutableRef[];
  /**
   * Writes the files into `dir`, an empty directory that the caller owns. Files in the store are cloned; lazy layers
   * are unpacked directly into `dir`.
   */
  writeTo(job: JobContext, dir: string, options: WriteOptions): Promise<WriteReport>;
}

/** How descriptors of a ref are made. */
export interface RemoteOptions {
  /** Make blobs for content that exists only as files. */
  readonly create: boolean;
}

/** The layers of a ref as blobs. */
export interface Remote {
  /** Base first, each with the digest of its uncompressed archive. */
  readonly descriptors: readonly { readonly descriptor: Descriptor; readonly diffId: Digest }[];
  /** The bytes of one of the descriptors, verified. */
  read(job: JobContext, descriptor: Descriptor): AsyncIterable<Uint8Array>;
}

/** How files get into a directory. */
export interface WriteOptions {
  /** `auto`: as root keep owners (a local directory's files get 0:0), otherwise the current user. */
  readonly owner: 'auto' | 'preserve' | 'current';
  /** How files of the store are cloned. `auto` never hard-links. */
  readonly mode: 'auto' | 'copy' | 'reflink' | 'hardlink';
  /** The most that is written (`E_LIMIT`). */
  readonly limits: WriteLimits;
  /** Write only the matching entries. */
  readonly filter?: WriteFilter | undefined;
  /** Later mtimes are set to this, in seconds since the epoch (SOURCE_DATE_EPOCH). */
  readonly epoch?: number | undefined;
  /**
   * Finds a directory that was written earlier with the same files and options. Called when the store has no files to
   * clone.
   */
  readonly earlier?: (() => Promise<EarlierTree | undefined>) | undefined;
}

/** A snapshot outside the store, which may have been changed since. */
export interface EarlierTree {
  /** Its directory, absolute. */
  readonly dir: string;
  /** The report of that run. */
  readonly report: WriteReport;
  /** The entries of the report as rows of a sidecar. */
  readonly rows: readonly Uint8Array[];
  /**
   * When the snapshot was complete, in milliseconds by the clock of its file system: an entry with a later ctime was
   * changed since.
   */
  readonly settled: number;
}

/** The most that a snapshot may come to. */
export interface WriteLimits {
  /** Bytes of file content written in total. */
  readonly maxBytes: number;
  /** Entries of any kind created in total. */
  readonly maxFiles: number;
  /** Decompressed bytes per compressed byte, above which a layer is refused as a bomb (after a grace of a few MiB). */
  readonly maxRatio: number;
}

/** Which part of the files is written. */
export interface WriteFilter {
  /** A directory inside the source that becomes the root of what is written. */
  readonly subpath?: string | undefined;
  /** Patterns of what is written; everything when absent. */
  readonly include?: readonly string[] | undefined;
  /** Patterns of what is left out. */
  readonly exclude?: readonly string[] | undefined;
}

/** What the written files may lack. */
export const LOSS_KINDS = ['owner', 'device', 'capability', 'xattr', 'setuid', 'fifo', 'socket', 'mtime'] as const;

/** A property of the source that the written files do not have. */
export interface Loss {
  /** From the root of the snapshot. */
  readonly path: string;
  /** What could not be kept. */
  readonly kind: (typeof LOSS_KINDS)[number];
  /** The lost value, for people: for instance `char 1:3` or `0:0`. */
  readonly detail: string;
}

/** What was written. */
export interface WriteReport {
  /** Number of entries. */
  readonly files: number;
  /** Bytes of the files. */
  readonly bytes: number;
  /** What the files do not have of their source. */
  readonly losses: readonly Loss[];
  /** Number of losses by kind. `losses` may be cut after some thousand; these counts are complete. */
  readonly lossCounts: Readonly<Record<string, number>>;
  /**
   * Depth first, a directory before its entries, names in the order of their bytes. A hard link has the first path of
   * its inode in `target`. The iterable makes one entry at a time and can be walked again, because an image has too
   * many files to hold as objects in memory.
   */
  readonly entries: Entries;
  /** How the files were made: unpacked from layers, or cloned by the given method. */
  readonly via: 'unpack' | 'copy' | 'reflink' | 'hardlink';
}

/** How to make the files of a ref. The store decides where and when. */
export interface Recipe {
  /** Names the content: recipes with the same ID make the same files. */
  readonly id: string;
  /** Base first, for images; absent for content without layers. */
  readonly layers?: readonly RecipeLayer[] | undefined;
  /** Makes all files in `dir`, an empty directory. */
  produce(job: JobContext, dir: string, options: WriteOptions): Promise<WriteReport>;
  /** The recipe of the first `count` layers, for `layerChain`. Present if `layers` is. */
  prefix?(count: number): Recipe;
}

/** A layer of a recipe. */
export interface RecipeLayer {
  /** Its blob. */
  readonly descriptor: Descriptor;
  /** Digest of its uncompressed archive. */
  readonly diffId: Digest;
  /** Chain ID of the layers up to and including this one. */
  readonly chainId: string;
  /** Makes the blob present, verified, in the store; `growth` as in `BlobStore.ingest`. */
  fetch(job: JobContext, growth?: BlobGrowth): Promise<void>;
  /**
   * A file outside the store that holds the blob (of a layout). Unpacking may read and hash it in place instead of
   * fetching the blob (`E_DIGEST_MISMATCH`, `E_SIZE_MISMATCH`). It belongs to the user: never written, never removed.
   */
  readonly file?: string | undefined;
}
