/**
 * Reads a tar archive that is pushed into it piece by piece: ustar, PAX, GNU long names and sparse files. Synchronous,
 * over buffers; it holds only the current header in memory, whatever an archive claims.
 */
import type { Metadata } from '../../contract/entry.ts';
import { ExtendedHeaders } from './extended-headers.ts';
import {
  archiveError,
  BLOCK,
  type EntryType,
  entryType,
  type Header,
  isExtended,
  isZeroBlock,
  parseHeader,
} from './header.ts';
import { OldSparseReader, SparseMapReader, type SparsePiece, sparseRecords, validateSparse } from './sparse.ts';

/** One entry. Texts are byte strings, exactly as in the archive. An owner that is `NO_OWNER` stays as it is. */
export interface TarEntry extends Readonly<Metadata> {
  readonly name: string;
  readonly type: EntryType;
  /** Bytes of content, including holes; 0 for all types but files. */
  readonly size: number;
  readonly linkName: string;
  readonly devMajor: number;
  readonly devMinor: number;
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
const NOTHING = Buffer.alloc(0);

/** Work that yields when all pushed bytes are read, and goes on when there are more. */
type Reading<Result = void> = Generator<undefined, Result, undefined>;

export class TarReader {
  readonly #handler: TarHandler;
  readonly #reading: Reading = this.#archive();
  readonly #extended = new ExtendedHeaders();
  /** The pushed bytes, and how many of them have been read. */
  #chunk: Buffer = NOTHING;
  #at = 0;
  /** Bytes of content still to come, and of the padding after them. */
  #left = 0;
  #padding = 0;
  /** The bytes read so far end within an entry or a header. */
  #within = false;
  #ended = false;

  constructor(handler: TarHandler) {
    this.#handler = handler;
  }

  /**
   * Reads the next bytes. A handler may keep buffers that it receives only if the caller leaves their memory as it is for so
   * long, as the ring of the threads does for what `LayerApplier` has `kept`.
   * @throws CtxsrcError `E_ARCHIVE_INVALID`
   */
  push(chunk: Buffer): void {
    this.#chunk = chunk;
    this.#at = 0;
    this.#reading.next();
  }

  /**
   * Called after the last bytes.
   * @throws CtxsrcError `E_ARCHIVE_INVALID` if the archive is truncated
   */
  finish(): void {
    // Like GNU tar and Go, this accepts an archive without its end marker, but not one that ends within an entry.
    if (this.#within) throw archiveError('it is cut short');
    if (this.#extended.waiting) throw archiveError('it ends with an extended header that describes nothing');
  }

  /** The end marker was read: bytes after it are ignored. */
  get ended(): boolean {
    return this.#ended;
  }

  /**
   * Skips the rest of the last entry's content.
   * @returns the number of bytes that must not be pushed
   */
  skipContent(): number {
    const bytes = this.#left === 0 ? 0 : this.#left + this.#padding;
    if (bytes === 0) return 0;
    this.#left = 0;
    this.#padding = 0;
    this.#within = false;
    return bytes;
  }

  *#archive(): Reading {
    for (let zeroBlocks = 0; zeroBlocks < 2; this.#within = false) {
      // The usual block is all there: a generator for each would take a tenth of the time.
      const isThere = this.#chunk.length - this.#at >= BLOCK;
      const block = isThere ? this.#some(BLOCK) : yield* this.#block();
      this.#within = true;
      if (block[0] === 0 && isZeroBlock(block)) {
        zeroBlocks += 1;
        continue;
      }
      if (zeroBlocks > 0) throw archiveError('an entry follows a lone zero block');
      const header = parseHeader(block);
      if (!isExtended(header.type)) {
        yield* this.#entry(header, block);
        continue;
      }
      if (header.size > MAX_METADATA) throw archiveError('an extended header is too large');
      this.#extended.take(header.type, yield* this.#bytes(Buffer.allocUnsafe(header.size)));
      this.#padding = paddingOf(header.size);
      yield* this.#skipPadding();
    }
    this.finish();
    this.#ended = true;
  }

  /** @param block the header's, until more is read */
  *#entry(header: Header, block: Buffer): Reading {
    const old = header.type === 'S' ? new OldSparseReader(block) : undefined;
    while (old?.more) old.block(yield* this.#block());
    const pax = this.#extended.apply(header);
    const type = entryType(header);
    const [uid, gid] = [ownerId(header.uid), ownerId(header.gid)];
    if (Math.abs(header.mtime) > MAX_TIME) throw archiveError('a time is out of range');
    const isDevice = type === 'char' || type === 'block';
    if (isDevice && (header.devMajor > MAX_MAJOR || header.devMinor > MAX_MINOR)) {
      throw archiveError('a device number is out of range');
    }
    // Only files have content, whatever the size field says; POSIX lets programs write a size for links.
    let left = type === 'file' ? header.size : 0;
    const records =
      type === 'file' && old === undefined && pax?.sparse !== undefined ? sparseRecords(pax.sparse) : undefined;
    const size = (old ?? records)?.realSize ?? left;
    let pieces = (old ?? records)?.pieces;
    if (records !== undefined && pieces === undefined) {
      for (const map = new SparseMapReader(); pieces === undefined; left -= BLOCK) {
        if (left < BLOCK) throw archiveError('a sparse map is cut short');
        pieces = map.block(yield* this.#block());
      }
    }
    if (pieces !== undefined) validateSparse(pieces, left, size);
    const sparse = pieces?.filter((piece) => piece.length > 0);
    this.#left = left;
    this.#padding = paddingOf(left);
    const { mode, mtime, linkName, devMajor, devMinor } = header;
    this.#handler.entry({
      name: records?.name ?? header.name,
      type,
      mode: mode & 0o7777,
      uid,
      gid,
      size,
      mtime,
      mtimeNs: pax?.nanoseconds ?? 0,
      linkName,
      devMajor,
      devMinor,
      xattrs: pax?.xattrs,
      sparse,
    });
    if (left > 0) yield* this.#content(sparse ?? [{ offset: 0, length: left }]);
    if (type === 'file') this.#handler.fileEnd();
    yield* this.#skipPadding();
  }

  *#content(pieces: readonly SparsePiece[]): Reading {
    for (const { offset, length } of pieces) {
      for (let done = 0; done < length && this.#left > 0; ) {
        if (this.#at === this.#chunk.length) {
          yield;
          continue;
        }
        const data = this.#some(length - done);
        this.#left -= data.length;
        this.#handler.data(data, offset + done);
        done += data.length;
      }
    }
  }

  *#skipPadding(): Reading {
    while (this.#padding > 0) {
      if (this.#at === this.#chunk.length) yield;
      else this.#padding -= this.#some(this.#padding).length;
    }
  }

  /** The next block, valid until more is read. */
  *#block(): Reading<Buffer> {
    while (this.#at === this.#chunk.length) yield;
    this.#within = true;
    return this.#chunk.length - this.#at < BLOCK ? yield* this.#bytes(Buffer.allocUnsafe(BLOCK)) : this.#some(BLOCK);
  }

  /** Fills a buffer. */
  *#bytes(buffer: Buffer): Reading<Buffer> {
    for (let fill = 0; fill < buffer.length; ) {
      if (this.#at === this.#chunk.length) yield;
      else fill += this.#some(buffer.length - fill).copy(buffer, fill);
    }
    return buffer;
  }

  /** Of the pushed bytes the next ones, at most so many. */
  #some(most: number): Buffer {
    const start = this.#at;
    this.#at = Math.min(this.#chunk.length, start + most);
    return this.#chunk.subarray(start, this.#at);
  }
}

/** A number of 32 bits as the kernel reads it: -2 is 4294967294, as in containerd. */
function ownerId(id: number): number {
  if (id < MIN_ID || id > NO_OWNER) throw archiveError('an owner is out of range');
  return id < 0 ? id + 2 ** 32 : id;
}

function paddingOf(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}
