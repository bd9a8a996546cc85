/**
 * Reads a tar archive that is pushed into it piece by piece: ustar, PAX, GNU long names and sparse files. Synchronous,
 * over buffers; it holds only the current header in memory, whatever an archive claims.
 */
import { ExtendedHeaders, type ExtendedType, isExtended } from './extended-headers.ts';
import { archiveError, BLOCK, type Header, isZeroBlock, parseHeader, type TypeFlag } from './header.ts';
import type { PaxFacts } from './pax.ts';
import { OldSparseReader, SparseMapReader, type SparsePiece, sparseRecords, validateSparse } from './sparse.ts';

/** `label` is the name of the archive itself, not a file. */
export type EntryType = 'file' | 'hardlink' | 'symlink' | 'char' | 'block' | 'dir' | 'fifo' | 'label';

/** One entry. Texts are byte strings, exactly as in the archive. */
export interface TarEntry {
  readonly name: string;
  readonly type: EntryType;
  /** Permission bits with setuid, setgid and sticky. */
  readonly mode: number;
  /** `NO_OWNER` means that an existing owner stays. The same for `gid`. */
  readonly uid: number;
  readonly gid: number;
  /** Bytes of content, including holes; 0 for all types but files. */
  readonly size: number;
  /** Seconds since the epoch, rounded down, and nanoseconds. */
  readonly mtime: number;
  readonly mtimeNs: number;
  readonly linkName: string;
  readonly devMajor: number;
  readonly devMinor: number;
  /** Names and values are byte strings. */
  readonly xattrs: ReadonlyMap<string, string> | undefined;
  /** The pieces that `data` will deliver, if the file has holes. */
  readonly sparse: readonly SparsePiece[] | undefined;
}

/** Receives what the reader finds. `data` delivers the last entry's content, in order, with its offset in the file. */
export interface TarHandler {
  entry(entry: TarEntry): void;
  data(chunk: Buffer, offset: number): void;
  /** The content of a file is complete. Called for files only, including empty ones. */
  fileEnd(): void;
}

/** Limit of one extended header or long name, in bytes. */
const MAX_METADATA = 1 << 20;
/** All bits set: the owner stays as it is. */
export const NO_OWNER = 2 ** 32 - 1;
const MIN_ID = -(2 ** 31);
/** The range of a JavaScript date, in seconds. */
const MAX_TIME = 8.64e12;
/** Linux has 12 and 20 bits for the parts of a device number, and truncates larger ones. */
const MAX_MAJOR = 0xfff;
const MAX_MINOR = 0xfffff;

const TYPES: Readonly<Record<Exclude<TypeFlag, ExtendedType | '\0'>, EntryType>> = {
  '0': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'char',
  '4': 'block',
  '5': 'dir',
  '6': 'fifo',
  '7': 'file',
  S: 'file',
  V: 'label',
};

type State = 'header' | 'metadata' | 'old-sparse' | 'sparse-map' | 'content' | 'padding' | 'end';

export class TarReader {
  readonly #handler: TarHandler;
  #state: State = 'header';
  /** A block that arrived in pieces. */
  readonly #block = Buffer.alloc(BLOCK);
  #blockFill = 0;
  /** Bytes of content or metadata still to come, and of the padding after them. */
  #remaining = 0;
  #padding = 0;
  #zeroBlocks = 0;

  readonly #extended = new ExtendedHeaders();
  #metadataType: ExtendedType = 'x';
  #metadata: Buffer = Buffer.alloc(0);

  #header: Header | undefined;
  #oldSparse: OldSparseReader | undefined;
  #mapReader: SparseMapReader | undefined;
  /** Called with the map of version 1.0 after it was read from the data. */
  #withMap: ((pieces: SparsePiece[]) => void) | undefined;
  #pieces: readonly SparsePiece[] | undefined;
  #piece = 0;
  /** Position in the file, or in the current piece of a sparse one. */
  #position = 0;

  constructor(handler: TarHandler) {
    this.#handler = handler;
  }

  /**
   * Reads the next bytes. The handler must not keep the buffers that it receives.
   * @throws CtxsrcError `E_ARCHIVE_INVALID`
   */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      switch (this.#state) {
        case 'content': {
          const n = Math.min(this.#remaining, chunk.length - at);
          this.#content(n === chunk.length ? chunk : chunk.subarray(at, at + n));
          at += n;
          this.#remaining -= n;
          if (this.#remaining === 0) this.#endContent();
          break;
        }
        case 'metadata': {
          const n = Math.min(this.#remaining, chunk.length - at);
          chunk.copy(this.#metadata, this.#metadata.length - this.#remaining, at, at + n);
          at += n;
          this.#remaining -= n;
          if (this.#remaining === 0) this.#endMetadata();
          break;
        }
        case 'padding': {
          const n = Math.min(this.#padding, chunk.length - at);
          at += n;
          this.#padding -= n;
          if (this.#padding === 0) this.#state = 'header';
          break;
        }
        case 'end':
          return;
        default:
          at += this.#takeBlock(chunk, at);
      }
    }
  }

  /**
   * Called after the last bytes.
   * @throws CtxsrcError `E_ARCHIVE_INVALID` if the archive is truncated
   */
  finish(): void {
    if (this.#state === 'end') return;
    // Like GNU tar and Go, this accepts an archive without its end marker, but not one that ends within an entry.
    if (this.#state !== 'header' || this.#blockFill > 0) throw archiveError('it is cut short');
    if (this.#extended.waiting) throw archiveError('it ends with an extended header that describes nothing');
  }

  /** The end marker was read: bytes after it are ignored. */
  get ended(): boolean {
    return this.#state === 'end';
  }

  /**
   * Skips the rest of the last entry's content.
   * @returns the number of bytes that must not be pushed
   */
  skipContent(): number {
    const bytes = this.#state === 'content' ? this.#remaining + this.#padding : 0;
    if (bytes > 0) this.#state = 'header';
    return bytes;
  }

  /**
   * Handles one block, or stores a part of it.
   * @returns number of bytes consumed
   */
  #takeBlock(chunk: Buffer, at: number): number {
    if (this.#blockFill === 0 && chunk.length - at >= BLOCK) {
      this.#handleBlock(chunk, at);
      return BLOCK;
    }
    const n = Math.min(BLOCK - this.#blockFill, chunk.length - at);
    chunk.copy(this.#block, this.#blockFill, at, at + n);
    this.#blockFill += n;
    if (this.#blockFill === BLOCK) {
      this.#blockFill = 0;
      this.#handleBlock(this.#block, 0);
    }
    return n;
  }

  #handleBlock(block: Buffer, offset: number): void {
    if (this.#state === 'old-sparse') {
      this.#oldSparse!.block(block, offset);
      if (!this.#oldSparse!.more) this.#startOldSparse();
    } else if (this.#state === 'sparse-map') {
      this.#remaining -= BLOCK;
      const pieces = this.#mapReader!.block(block, offset);
      if (pieces !== undefined) this.#withMap!(pieces);
      else if (this.#remaining < BLOCK) throw archiveError('a sparse map is cut short');
    } else {
      this.#handleHeader(block, offset);
    }
  }

  #handleHeader(block: Buffer, offset: number): void {
    if (block[offset] === 0 && isZeroBlock(block, offset)) {
      this.#zeroBlocks += 1;
      if (this.#zeroBlocks === 2) {
        this.finish();
        this.#state = 'end';
      }
      return;
    }
    if (this.#zeroBlocks > 0) throw archiveError('an entry follows a lone zero block');
    const header = parseHeader(block, offset);
    if (isExtended(header.type)) {
      this.#startMetadata(header.type, header.size);
      return;
    }
    this.#header = header;
    if (header.type === 'S') {
      this.#oldSparse = new OldSparseReader(block, offset);
      if (this.#oldSparse.more) this.#state = 'old-sparse';
      else this.#startOldSparse();
      return;
    }
    this.#startEntry(header);
  }

  #startMetadata(type: ExtendedType, size: number): void {
    if (size > MAX_METADATA) throw archiveError('an extended header is too large');
    this.#metadataType = type;
    this.#metadata = Buffer.allocUnsafe(size);
    this.#remaining = size;
    this.#padding = paddingOf(size);
    this.#state = 'metadata';
    if (size === 0) this.#endMetadata();
  }

  #endMetadata(): void {
    this.#extended.take(this.#metadataType, this.#metadata);
    this.#metadata = Buffer.alloc(0);
    this.#skipPadding();
  }

  #startOldSparse(): void {
    const header = this.#header!;
    const { pieces, realSize } = this.#oldSparse!;
    this.#oldSparse = undefined;
    this.#startEntry(header, { name: undefined, realSize, pieces });
  }

  #startEntry(header: Header, oldSparse?: { name: undefined; realSize: number; pieces: SparsePiece[] }): void {
    const pax = this.#extended.apply(header);
    const type = typeOf(header);
    header.uid = ownerId(header.uid);
    header.gid = ownerId(header.gid);
    if (Math.abs(header.mtime) > MAX_TIME) throw archiveError('a time is out of range');
    const isDevice = type === 'char' || type === 'block';
    if (isDevice && (header.devMajor > MAX_MAJOR || header.devMinor > MAX_MINOR)) {
      throw archiveError('a device number is out of range');
    }
    // Only files have content, whatever the size field says; POSIX lets programs write a size for links.
    const stored = type === 'file' ? header.size : 0;
    const sparse = oldSparse ?? (type === 'file' && pax?.sparse !== undefined ? sparseRecords(pax.sparse) : undefined);
    if (sparse === undefined) {
      this.#emit(header, type, pax, undefined, stored, stored);
    } else {
      if (sparse.name !== undefined) header.name = sparse.name;
      if (sparse.pieces !== undefined) {
        this.#emit(header, type, pax, sparse.pieces, sparse.realSize, stored);
      } else {
        if (stored < BLOCK) throw archiveError('a sparse map is cut short');
        this.#mapReader = new SparseMapReader();
        this.#withMap = (pieces) => this.#emit(header, type, pax, pieces, sparse.realSize, this.#remaining);
        this.#remaining = stored;
        this.#state = 'sparse-map';
      }
    }
  }

  /** Passes the entry to the handler. `left` bytes of content follow. */
  #emit(
    header: Header,
    type: EntryType,
    pax: PaxFacts | undefined,
    sparse: SparsePiece[] | undefined,
    size: number,
    left: number,
  ): void {
    if (sparse !== undefined) validateSparse(sparse, left, size);
    this.#pieces = sparse?.filter((piece) => piece.length > 0);
    this.#piece = 0;
    this.#position = 0;
    this.#remaining = left;
    this.#padding = paddingOf(left);
    this.#state = 'content';
    this.#handler.entry({
      name: header.name,
      type,
      mode: header.mode & 0o7777,
      uid: header.uid,
      gid: header.gid,
      size,
      mtime: header.mtime,
      mtimeNs: pax === undefined ? 0 : pax.nanoseconds,
      linkName: header.linkName,
      devMajor: header.devMajor,
      devMinor: header.devMinor,
      xattrs: pax?.xattrs,
      sparse: this.#pieces,
    });
    if (left > 0) return;
    if (type === 'file') this.#endContent();
    else this.#skipPadding();
  }

  #content(data: Buffer): void {
    if (this.#pieces === undefined) {
      this.#handler.data(data, this.#position);
      this.#position += data.length;
      return;
    }
    let at = 0;
    while (at < data.length) {
      const piece = this.#pieces[this.#piece]!;
      const n = Math.min(piece.length - this.#position, data.length - at);
      this.#handler.data(data.subarray(at, at + n), piece.offset + this.#position);
      at += n;
      this.#position += n;
      if (this.#position === piece.length) {
        this.#piece += 1;
        this.#position = 0;
      }
    }
  }

  #endContent(): void {
    this.#handler.fileEnd();
    this.#skipPadding();
  }

  #skipPadding(): void {
    this.#state = this.#padding > 0 ? 'padding' : 'header';
  }
}

function typeOf({ type, name }: Header): EntryType {
  // Before POSIX a directory was a file whose name ends in a slash; the name may come from another header.
  if (type === '\0') return name.endsWith('/') ? 'dir' : 'file';
  return TYPES[type as keyof typeof TYPES];
}

/** A number of 32 bits as the kernel reads it: -2 is 4294967294, as in containerd. */
function ownerId(id: number): number {
  if (id < MIN_ID || id > NO_OWNER) throw archiveError('an owner is out of range');
  return id < 0 ? id + 2 ** 32 : id;
}

function paddingOf(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}
