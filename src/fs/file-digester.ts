/**
 * The digest of a file, read synchronously, as workers and the main thread make it for the rows of a table.
 *
 * The content has to be what the times say. A file that was looked at before it is read must look the same afterwards.
 * One that was not is looked at once, afterwards: if it was last changed clearly before the run began, it has not been
 * changed while it was read; else it is read once more.
 */
import { createHash, type Hash, hash } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { type ByteString, fsPath, type Latin1Buffer } from './byte-string.ts';
import { entryHeader, type Xattrs } from './entry-header.ts';
import { CHANGED, type EntryRows } from './entry-rows.ts';
import { type FileCalls, fileCalls } from './file-calls.ts';
import { keptMode, type Modes } from './kept-mode.ts';
import { loadNative, type Native } from './native.ts';
import type { NativeStat } from './native-stat.ts';
import { readXattrs } from './xattrs.ts';

/** What a digest is of. Can be sent to a thread. */
export interface DigestTask {
  /** Absolute, without a slash at its end. */
  readonly root: ByteString;
  /** Hash the content alone, without a header in front of it. */
  readonly contentOnly?: boolean | undefined;
  readonly modes: Modes;
  /** Owners count. */
  readonly scan: boolean;
  /** Files of this device that were last changed before `settledBefore` (ms since the epoch) are not being changed. */
  readonly device: number;
  readonly settledBefore: number;
}

/** Read at once; a longer file is hashed in pieces of this size. */
const CHUNK = 1 << 18;
/** Headers are about 100 bytes; extended attributes may make them longer, and then the content is hashed apart. */
const HEADER_ROOM = 4096;

export class FileDigester {
  readonly #task: DigestTask;
  readonly #calls: FileCalls;
  readonly #native: Native | undefined;
  readonly #buffer = Buffer.allocUnsafeSlow(HEADER_ROOM + CHUNK) as Latin1Buffer;
  readonly #content = this.#buffer.subarray(HEADER_ROOM);
  #incomplete = false;

  constructor(task: DigestTask) {
    this.#task = task;
    const native = loadNative();
    this.#calls = fileCalls(native);
    this.#native = task.contentOnly === true ? undefined : native;
  }

  /** An extended attribute somewhere could not be read. */
  get incomplete(): boolean {
    return this.#incomplete;
  }

  /**
   * Reads the file of a row: then its digest is there, or it is `CHANGED`.
   * @returns what is left of a large file, to be gone on with
   * @throws errors of the system, for instance `EACCES`
   */
  digest(rows: EntryRows, at: number): LargeFile | undefined {
    const fd = this.#open(rows.path(at));
    if (fd === undefined) {
      rows.setState(at, CHANGED);
      return undefined;
    }
    let large: LargeFile | undefined;
    try {
      large = this.#read(fd, rows, at);
    } catch (error) {
      // It has become a directory, which can be opened but not read.
      if ((error as NodeJS.ErrnoException).code !== 'EISDIR') throw error;
      rows.setState(at, CHANGED);
    } finally {
      if (large === undefined) this.#calls.close(fd);
    }
    return large;
  }

  #open(path: ByteString): number | undefined {
    try {
      return this.#calls.open(fsPath(`${this.#task.root}/${path}`));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP' || code === 'ENXIO') return undefined;
      throw error;
    }
  }

  #read(fd: number, rows: EntryRows, at: number): LargeFile | undefined {
    // Nearly always all that there is; where it is not, the size says so.
    const length = rows.isSeen(at)
      ? readWhole(this.#calls, fd, this.#content, 0, Math.min(rows.size(at), CHUNK))
      : this.#calls.read(fd, this.#content, 0);
    const xattrs = this.#xattrs(fd);
    const stat = this.#calls.stat(fd);
    if (rows.isSeen(at) ? !rows.isUnchanged(at, stat) : !isFile(stat)) {
      rows.setState(at, CHANGED);
      return undefined;
    }
    if (!rows.isSeen(at)) {
      rows.writeStat(at, stat);
      const isWhole = length >= Math.min(stat.size, CHUNK);
      if (!isWhole || !this.#isSettled(rows, at)) return this.#read(fd, rows, at);
    }
    const size = rows.size(at);
    const header = this.#header(rows, at, xattrs);
    if (size > CHUNK) {
      const running = createHash('sha256').update(header, 'latin1');
      return new LargeFile(this.#calls, this.#content, running, { fd, rows, at });
    }
    if (length < size) rows.setState(at, CHANGED);
    else rows.finish(at, this.#digest(header, size));
    return undefined;
  }

  #digest(header: ByteString, size: number): string {
    if (header.length > HEADER_ROOM) {
      return createHash('sha256').update(header, 'latin1').update(this.#content.subarray(0, size)).digest('hex');
    }
    const start = HEADER_ROOM - header.length;
    this.#buffer.latin1Write(header, start);
    // A plain array costs a fifth of a `Buffer` to make.
    return hash('sha256', new Uint8Array(this.#buffer.buffer, start, header.length + size), 'hex');
  }

  #xattrs(fd: number): Xattrs | undefined {
    if (this.#native === undefined) return undefined;
    const { xattrs, incomplete } = readXattrs(this.#native, fd);
    if (incomplete) this.#incomplete = true;
    return xattrs;
  }

  #header(rows: EntryRows, at: number, xattrs: Xattrs | undefined): ByteString {
    const { contentOnly, modes, scan } = this.#task;
    if (contentOnly === true) return '';
    return entryHeader({
      type: 'file',
      mode: keptMode({ type: 'file', mode: rows.mode(at) }, modes),
      uid: scan ? rows.uid(at) : 0,
      gid: scan ? rows.gid(at) : 0,
      size: rows.size(at),
      xattrs,
    });
  }

  #isSettled(rows: EntryRows, at: number): boolean {
    return rows.device(at) === this.#task.device && rows.changed(at) < this.#task.settledBefore;
  }
}

/** Reads so many bytes from a position; less only when the file ends there. */
function readWhole(calls: FileCalls, fd: number, into: Buffer, position: number, wanted: number): number {
  let length = 0;
  for (let read = -1; length < wanted && read !== 0; length += read) {
    read = calls.read(fd, length === 0 ? into : into.subarray(length), position + length);
  }
  return length;
}

function isFile(stat: Stats | NativeStat): boolean {
  return (stat.mode & constants.S_IFMT) === constants.S_IFREG;
}

interface OpenFile {
  readonly fd: number;
  readonly rows: EntryRows;
  readonly at: number;
}

/** A file that is too large to be read at once. The first piece is in the buffer. */
export class LargeFile {
  readonly #calls: FileCalls;
  readonly #content: Buffer;
  readonly #hash: Hash;
  readonly #file: OpenFile;
  #position = 0;

  constructor(calls: FileCalls, content: Buffer, running: Hash, file: OpenFile) {
    this.#calls = calls;
    this.#content = content;
    this.#hash = running;
    this.#file = file;
  }

  /**
   * Hashes a piece. False when it was the last: then the digest is there, or the row is `CHANGED`.
   * @throws errors of the system
   */
  step(): boolean {
    const { fd, rows, at } = this.#file;
    const left = rows.size(at) - this.#position;
    const wanted = Math.min(left, CHUNK);
    const length = this.#position === 0 ? wanted : this.#read(wanted);
    this.#hash.update(length === CHUNK ? this.#content : this.#content.subarray(0, length));
    this.#position += length;
    if (length === wanted && left > length) return true;
    const stat = this.#calls.stat(fd);
    if (length === wanted && rows.isUnchanged(at, stat)) rows.finish(at, this.#hash.digest('hex'));
    else rows.setState(at, CHANGED);
    return false;
  }

  #read(wanted: number): number {
    return Math.min(wanted, readWhole(this.#calls, this.#file.fd, this.#content, this.#position, wanted));
  }

  /** Has to be called at the end. */
  close(): void {
    this.#calls.close(this.#file.fd);
  }
}
