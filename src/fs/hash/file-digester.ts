/**
 * The digest of a file, read synchronously, in workers and in the main thread, for the rows of a table.
 *
 * The bytes that are hashed have to belong to the times in the row. If the row holds the result of an earlier `stat`,
 * the file must look the same after reading. Otherwise the file is stat'ed once, after reading: if it was last changed
 * clearly before the run began, it did not change while it was read; else it is read again.
 */
import { createHash, type Hash, hash } from 'node:crypto';
import { constants } from 'node:fs';
import type { Xattrs } from '../../contract/entry.ts';
import { ioError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { type ByteString, type Latin1Buffer, textOfBytes } from '../byte-string.ts';
import { entryHeader } from '../entry/header.ts';
import { keptMode, type Modes } from '../entry/modes.ts';
import { CHANGED, type EntryRows } from '../entry/rows.ts';
import { readXattrs } from '../entry/xattrs.ts';
import { type FileCalls, type FilesBelow, fileCalls } from '../native/file-calls.ts';
import { loadNative, type Native } from '../native/native.ts';
import { type ClockFacts, isSettled } from '../stat-cache/file-clock.ts';
import { FileHeaders } from './file-headers.ts';

/** What the digests are made of. Can be sent to a thread. */
export interface DigestTask {
  /** Absolute, without a trailing slash. */
  readonly root: ByteString;
  /** Hash only the content, without a header. */
  readonly contentOnly?: boolean | undefined;
  readonly modes: Modes;
  /** Owners count. */
  readonly scan: boolean;
  /** Tells which files are not changing now. */
  readonly clock: ClockFacts;
}

/** Bytes read at once; a longer file is hashed in pieces of this size. */
const CHUNK = 1 << 18;
/** Room for the header (about 100 bytes) before the content, so that the content begins at a page. */
const HEADER_ROOM = 4096;

/** Error codes for a file that was removed, or replaced by a link, directory, socket or fifo, after it was listed. */
const REPLACED: ReadonlySet<string | undefined> = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO', 'EISDIR', 'ESPIPE']);

export class FileDigester {
  readonly #task: DigestTask;
  readonly #calls: FileCalls;
  readonly #native: Native | undefined;
  readonly #buffer = Buffer.allocUnsafeSlow(HEADER_ROOM + CHUNK) as Latin1Buffer;
  readonly #headers = new FileHeaders(this.#buffer, HEADER_ROOM);
  #files: FilesBelow | undefined;
  #incomplete = false;

  constructor(task: DigestTask) {
    this.#task = task;
    const native = loadNative();
    this.#calls = fileCalls(native);
    this.#native = task.contentOnly === true ? undefined : native;
  }

  /** True if an extended attribute could not be read. */
  get incomplete(): boolean {
    return this.#incomplete;
  }

  /**
   * Reads the file of a row: afterwards the row has its digest or is `CHANGED`.
   * @returns the rest of a large file, which the caller has to continue
   * @throws CtxsrcError `E_PERMISSION` or `E_IO`
   */
  digest(rows: EntryRows, at: number): LargeFile | undefined {
    // The common case is in this one function, so that V8 optimises it early.
    const calls = this.#calls;
    const buffer = this.#buffer;
    let fd = -1;
    let large: LargeFile | undefined;
    try {
      this.#files ??= calls.below(this.#task.root);
      fd = this.#files.open(rows.path(at));
      // For a file that was not stat'ed, one read is nearly always enough; if not, its size shows it.
      const isSeen = rows.isSeen(at);
      const wanted = isSeen ? Math.min(rows.size(at), CHUNK) : CHUNK;
      const length = wanted === 0 ? 0 : calls.read(fd, buffer, HEADER_ROOM, wanted, 0);
      const xattrs = this.#native !== undefined && calls.mayHaveXattrs(fd) ? this.#xattrs(fd) : undefined;
      const stat = calls.stat(fd);
      const { size } = stat;
      if (isSeen ? !rows.isUnchanged(at, stat) : (stat.mode & constants.S_IFMT) !== constants.S_IFREG) {
        rows.setState(at, CHANGED);
        return undefined;
      }
      if (!isSeen) rows.writeStat(at, stat);
      const isRead =
        length >= Math.min(size, CHUNK) && (isSeen || isSettled(this.#task.clock, rows.device(at), rows.changed(at)));
      if (!isRead) large = this.#readAgain(fd, rows, at);
      else if (xattrs !== undefined || size > CHUNK) large = this.#finish(fd, rows, at, xattrs);
      else {
        const start = this.#writeHeader(rows, at);
        // A plain array takes a fifth of the time of a `Buffer` to make.
        rows.finish(at, hash('sha256', new Uint8Array(buffer.buffer, start, HEADER_ROOM - start + size), 'hex'));
      }
    } catch (error) {
      if (!REPLACED.has((error as NodeJS.ErrnoException).code)) throw readError(error, rows, at);
      rows.setState(at, CHANGED);
    } finally {
      if (large === undefined && fd !== -1) calls.close(fd);
    }
    return large;
  }

  /** Must be called at the end. */
  close(): void {
    this.#files?.close();
    this.#files = undefined;
  }

  /** Reads a file again from its beginning; the row is `CHANGED` if it changed again. */
  #readAgain(fd: number, rows: EntryRows, at: number): LargeFile | undefined {
    const wanted = Math.min(rows.size(at), CHUNK);
    const isWhole = readWhole(this.#calls, this.#buffer, fd, 0, wanted) === wanted;
    const xattrs = this.#xattrs(fd);
    if (isWhole && rows.isUnchanged(at, this.#calls.stat(fd))) return this.#finish(fd, rows, at, xattrs);
    rows.setState(at, CHANGED);
    return undefined;
  }

  /** Writes the digest of what was read; of a large file that is only the first piece. */
  #finish(fd: number, rows: EntryRows, at: number, xattrs: Xattrs | undefined): LargeFile | undefined {
    const size = rows.size(at);
    const header =
      xattrs === undefined
        ? this.#buffer.subarray(this.#writeHeader(rows, at), HEADER_ROOM)
        : Buffer.from(this.#header(rows, at, xattrs), 'latin1');
    if (size > CHUNK) return this.#large(fd, rows, at, header);
    const content = this.#buffer.subarray(HEADER_ROOM, HEADER_ROOM + size);
    rows.finish(at, createHash('sha256').update(header).update(content).digest('hex'));
    return undefined;
  }

  #large(fd: number, rows: EntryRows, at: number, header: Buffer): LargeFile {
    return new LargeFile(this.#calls, this.#buffer, createHash('sha256').update(header), { fd, rows, at });
  }

  /** The attributes that count; undefined if there are none. */
  #xattrs(fd: number): Xattrs | undefined {
    if (this.#native === undefined) return undefined;
    const { xattrs, incomplete } = readXattrs(this.#native, fd);
    if (incomplete) this.#incomplete = true;
    return xattrs.size === 0 ? undefined : xattrs;
  }

  /**
   * Writes the header of a file without extended attributes before the content.
   * @returns the offset of the header
   */
  #writeHeader(rows: EntryRows, at: number): number {
    if (this.#task.contentOnly === true) return HEADER_ROOM;
    const { modes, scan } = this.#task;
    const mode = modes === 'exact' ? rows.mode(at) : keptMode({ type: 'file', mode: rows.mode(at) }, modes);
    return this.#headers.write(mode, scan ? rows.uid(at) : 0, scan ? rows.gid(at) : 0, rows.size(at));
  }

  #header(rows: EntryRows, at: number, xattrs: Xattrs): ByteString {
    const { modes, scan } = this.#task;
    return entryHeader({
      type: 'file',
      mode: keptMode({ type: 'file', mode: rows.mode(at) }, modes),
      uid: scan ? rows.uid(at) : 0,
      gid: scan ? rows.gid(at) : 0,
      size: rows.size(at),
      xattrs,
    });
  }
}

/** Reads `wanted` bytes from a position to where the content begins; fewer only at the end of the file. */
function readWhole(calls: FileCalls, buffer: Buffer, fd: number, position: number, wanted: number): number {
  let length = 0;
  for (let read = -1; length < wanted && read !== 0; length += read) {
    read = calls.read(fd, buffer, HEADER_ROOM + length, wanted - length, position + length);
  }
  return length;
}

interface OpenFile {
  readonly fd: number;
  readonly rows: EntryRows;
  readonly at: number;
}

/** A file that is too large to read at once. The first piece is in the buffer. */
export class LargeFile {
  readonly #calls: FileCalls;
  readonly #buffer: Buffer;
  readonly #hash: Hash;
  readonly #file: OpenFile;
  #position = 0;

  constructor(calls: FileCalls, buffer: Buffer, running: Hash, file: OpenFile) {
    this.#calls = calls;
    this.#buffer = buffer;
    this.#hash = running;
    this.#file = file;
  }

  /** Bytes hashed so far. */
  get hashed(): number {
    return this.#position;
  }

  /**
   * Hashes a piece. False after the last one: then the row has its digest or is `CHANGED`.
   * @throws CtxsrcError `E_PERMISSION` or `E_IO`
   */
  step(): boolean {
    try {
      return this.#step();
    } catch (error) {
      throw readError(error, this.#file.rows, this.#file.at);
    }
  }

  #step(): boolean {
    const { fd, rows, at } = this.#file;
    const left = rows.size(at) - this.#position;
    const wanted = Math.min(left, CHUNK);
    const length = this.#position === 0 ? wanted : this.#read(wanted);
    this.#hash.update(this.#buffer.subarray(HEADER_ROOM, HEADER_ROOM + length));
    this.#position += length;
    if (length === wanted && left > length) return true;
    const stat = this.#calls.stat(fd);
    if (length === wanted && rows.isUnchanged(at, stat)) rows.finish(at, this.#hash.digest('hex'));
    else rows.setState(at, CHANGED);
    return false;
  }

  #read(wanted: number): number {
    return readWhole(this.#calls, this.#buffer, this.#file.fd, this.#position, wanted);
  }

  /** Must be called at the end. */
  close(): void {
    this.#calls.close(this.#file.fd);
  }
}

function readError(error: unknown, rows: EntryRows, at: number): Error {
  return ioError(error, `cannot read ${printable(textOfBytes(rows.path(at)))}`);
}
