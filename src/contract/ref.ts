/**
 * ImmutableRef: a read-only, reference-counted handle of a source's files. `src/store/` implements it; a source hands
 * it a `Recipe`, which says what the files are (an id) and how to make them.
 */
import type { Digest } from '../core/digest.ts';
import type { Descriptor } from '../oci/types.ts';
import type { BlobGrowth } from './blobs.ts';
import type { JobContext } from './session.ts';

export interface ImmutableRef {
  /** Identity of the files: a chain ID for images, else a digest derived from the content key. */
  readonly id: string;
  /** One more holder. */
  clone(): ImmutableRef;
  /** One holder less; the last one makes the record collectable. */
  release(): Promise<void>;
  /** Committed: it can no longer change. */
  finalize(): Promise<void>;
  /** Lazy layers become files in the store. */
  extract(job: JobContext): Promise<void>;
  /** A read-only view of the files. */
  mount(job: JobContext): Promise<{ path: string; release(): Promise<void> }>;
  /** Descriptors and a provider of their bytes, to export; blobs are made if asked. */
  getRemotes(job: JobContext, options: RemoteOptions): Promise<readonly Remote[]>;
  /** One ref per layer, base first; each to be released. */
  layerChain(): readonly ImmutableRef[];
  /**
   * Writes the files into `dir`, an empty directory of the caller's which it then owns. What the store has is cloned;
   * what is lazy streams straight there.
   */
  writeTo(job: JobContext, dir: string, options: WriteOptions): Promise<WriteReport>;
}

export interface RemoteOptions {
  /** Make blobs for content that exists as files only. */
  readonly create: boolean;
}

export interface Remote {
  readonly descriptors: readonly { readonly descriptor: Descriptor; readonly diffId: Digest }[];
  /** The bytes of one of the descriptors, verified. */
  read(job: JobContext, descriptor: Descriptor): AsyncIterable<Uint8Array>;
}

/** How files get into a directory. */
export interface WriteOptions {
  /** `auto`: as root keep owners (a local directory's files get 0:0), otherwise the current user. */
  readonly owner: 'auto' | 'preserve' | 'current';
  /** How content that the store already has as files is cloned. `auto` never hard-links. */
  readonly mode: 'auto' | 'copy' | 'reflink' | 'hardlink';
  readonly limits: WriteLimits;
  /** Only what these choose is written. */
  readonly filter?: WriteFilter | undefined;
  /** Later mtimes are clamped to this, in seconds (SOURCE_DATE_EPOCH). */
  readonly epoch?: number | undefined;
  /** A directory that was written with the same files and options before; asked for when the store has no files to clone. */
  readonly earlier?: (() => Promise<EarlierTree | undefined>) | undefined;
}

/** A snapshot outside the store, which may have been changed since. */
export interface EarlierTree {
  readonly dir: string;
  /** What was written then. */
  readonly report: WriteReport;
  /** The entries of the report as rows of a sidecar. */
  readonly rows: readonly Uint8Array[];
  /** When it was complete, in milliseconds by the clock of its file system: what has a later ctime was touched since. */
  readonly settled: number;
}

export interface WriteLimits {
  /** Bytes of file content written in all. */
  readonly maxBytes: number;
  /** Entries of any kind created in all. */
  readonly maxFiles: number;
  /** Decompressed bytes per compressed byte before a layer is taken for a bomb (after a grace of some MiB). */
  readonly maxRatio: number;
}

export interface WriteFilter {
  /** A directory inside the source that becomes the root of what is written. */
  readonly subpath?: string | undefined;
  readonly include?: readonly string[] | undefined;
  readonly exclude?: readonly string[] | undefined;
}

/** Something of the source that the written files do not have. */
export interface Loss {
  readonly path: string;
  readonly kind: 'owner' | 'device' | 'capability' | 'xattr' | 'setuid' | 'fifo' | 'socket' | 'mtime';
  /** For people: what it was, for instance `char 1:3` or `0:0`. */
  readonly detail: string;
}

/**
 * One written path, as the sidecar keeps it. `path` is relative, without `./`; bytes that are not UTF-8 are kept as
 * latin-1 under `pathBytes: true`.
 */
export interface WrittenEntry {
  readonly path: string;
  readonly pathBytes?: true;
  readonly type: 'file' | 'dir' | 'symlink' | 'hardlink' | 'char' | 'block' | 'fifo';
  /** Permission bits with setuid, setgid and sticky, as on disk. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** Nanoseconds since the epoch, decimal. */
  readonly mtime: string;
  /** `sha256:` of a file's content. */
  readonly digest?: Digest;
  /** Symlinks: the text of the link. Hard links: the path they share an inode with. Devices: `major:minor`. */
  readonly target?: string;
  /** As `pathBytes`, for `target`. */
  readonly targetBytes?: true;
  /** Values in base64. */
  readonly xattrs?: Readonly<Record<string, string>>;
}

/** Entries, and where their maker has them so, the same as rows of a sidecar. */
export interface WrittenEntries extends Iterable<WrittenEntry> {
  /** UTF-8. Each piece holds whole rows; there is a comma and a newline between two rows, and none at the ends of a piece. */
  readonly rows?: readonly Uint8Array[] | undefined;
}

export interface WriteReport {
  readonly files: number;
  readonly bytes: number;
  readonly losses: readonly Loss[];
  /** Number of losses by kind; `losses` may be cut after some thousand, this is not. */
  readonly lossCounts: Readonly<Record<string, number>>;
  /**
   * Depth first, a directory before what is in it, names in the order of their bytes. Hard links name the first path of
   * their inode in `target`. An iterable, which can be walked again, because an image has more files than belong in
   * memory as objects: it makes one entry at a time.
   */
  readonly entries: WrittenEntries;
  /** How the files came: unpacked from layers, or cloned by which means. */
  readonly via: 'unpack' | 'copy' | 'reflink' | 'hardlink';
}

/** How a ref's files are made. The store decides where and when. */
export interface Recipe {
  readonly id: string;
  /** Base first, for images; absent where the files do not come in layers. */
  readonly layers?: readonly RecipeLayer[] | undefined;
  /** Makes all files in `dir`, which exists and is empty. */
  produce(job: JobContext, dir: string, options: WriteOptions): Promise<WriteReport>;
  /** The recipe of the first `count` layers, for `layerChain`. There when `layers` is. */
  prefix?(count: number): Recipe;
}

export interface RecipeLayer {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
  /** Chain ID of the layers up to and including this one. */
  readonly chainId: string;
  /** Makes the blob present, verified, in the store; `growth` as in `BlobStore.ingest`. */
  fetch(job: JobContext, growth?: BlobGrowth): Promise<void>;
  /**
   * A file outside the store that holds the blob (a layout's): unpacking may read it in place instead of fetching, and
   * hashes it while it does (`E_DIGEST_MISMATCH`, `E_SIZE_MISMATCH`). It belongs to the user: never written, never removed.
   */
  readonly file?: string | undefined;
}
