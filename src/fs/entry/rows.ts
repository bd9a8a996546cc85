/**
 * The entries of a tree in packed form: trees are large, several threads work on the entries at once without messages,
 * and the stat cache consists of these bytes. A row has a multiple of 8 bytes:
 *
 *     0 mode, with type   4 length of the path   8 where the name begins in it   12 bytes of the rows below a directory
 *    16 size (of a device: its number)   24 mtime   32 ctime (ms)   40 inode   48 device
 *    56 owner   60 group   64 state   68 whether 0 and 16 to 60 are known
 *    72 path, followed by `sha256:` and the digest in hex (of a directory: of its header)
 *
 * Numbers have the byte order of the processor. Before the first row, a chunk holds the end of its last row.
 */
import { constants, type Stats } from 'node:fs';
import type { ByteString, Latin1Buffer } from '../byte-string.ts';
import type { NativeStat } from '../native/stat.ts';
import { type EntryType, type TreeEntry, TYPE_BITS, typeOf } from './tree-entry.ts';

/** Where the first row begins. */
export const FIRST_ROW = 8;
/** States of an entry. A file is `WAITING` until a thread makes it `TAKEN` and reads it. */
export const WAITING = 0;
export const TAKEN = 1;
/** The digest is complete. */
export const DONE = 2;
/** The file changed between lstat and the end of reading. */
export const CHANGED = 3;
/** The entry no longer exists. */
export const GONE = 4;
/** As `DONE`, but changed too recently to be taken from a cache. */
export const YOUNG = 5;

const END = 0;
// Offsets in units of 4 bytes.
const MODE = 0;
const LENGTH = 1;
const NAME = 2;
const BELOW = 3;
const UID = 14;
const GID = 15;
const STATE = 16;
const SEEN = 17;
// Offsets in units of 8 bytes.
const SIZE = 2;
const MTIME = 3;
const CTIME = 4;
const INO = 5;
const DEV = 6;
// Offsets in bytes.
const PATH = 72;

const { S_IFMT, S_IFREG, S_IFDIR, S_IFCHR, S_IFBLK } = constants;
const ALGORITHM = 'sha256:';
/** Length of a digest with its algorithm. */
export const DIGEST_LENGTH = ALGORITHM.length + 64;

/** Size of a row in bytes. */
export function rowBytes(pathLength: number): number {
  return (PATH + pathLength + DIGEST_LENGTH + 7) & ~7;
}

/** A chunk of rows. A position is the offset of a row. */
export class EntryRows {
  readonly bytes: Latin1Buffer;
  readonly #words: Int32Array;
  readonly #numbers: Float64Array;

  /** @param memory aligned; shared when several threads use it */
  constructor(memory: ArrayBufferLike) {
    this.bytes = Buffer.from(memory) as Latin1Buffer;
    this.#words = new Int32Array(memory);
    this.#numbers = new Float64Array(memory);
  }

  /** The end of the last row that other threads may read. */
  get end(): number {
    return Atomics.load(this.#words, END);
  }

  set end(at: number) {
    Atomics.store(this.#words, END, at);
  }

  next(at: number): number {
    return at + rowBytes(this.#words[(at >> 2) + LENGTH]!);
  }

  path(at: number): ByteString {
    return this.bytes.latin1Slice(at + PATH, at + PATH + this.#words[(at >> 2) + LENGTH]!);
  }

  /** The last component of the path. */
  name(at: number): ByteString {
    const word = at >> 2;
    return this.bytes.latin1Slice(at + PATH + this.#words[word + NAME]!, at + PATH + this.#words[word + LENGTH]!);
  }

  /** The last component of the path, followed by the digest with its algorithm. */
  nameAndDigest(at: number): ByteString {
    const word = at >> 2;
    const start = at + PATH;
    return this.bytes.latin1Slice(
      start + this.#words[word + NAME]!,
      start + this.#words[word + LENGTH]! + DIGEST_LENGTH,
    );
  }

  pathLength(at: number): number {
    return this.#words[(at >> 2) + LENGTH]!;
  }

  /** Length of the path of the entry's directory; -1 for the root. */
  parentLength(at: number): number {
    return this.#words[(at >> 2) + NAME]! - 1;
  }

  /** The digest in hex. */
  digest(at: number): string {
    const end = at + PATH + this.#words[(at >> 2) + LENGTH]! + DIGEST_LENGTH;
    return this.bytes.latin1Slice(end - 64, end);
  }

  /** Permission bits with setuid, setgid and sticky. */
  mode(at: number): number {
    return this.#words[at >> 2]! & 0o7777;
  }

  uid(at: number): number {
    return this.#words[(at >> 2) + UID]! >>> 0;
  }

  gid(at: number): number {
    return this.#words[(at >> 2) + GID]! >>> 0;
  }

  isDirectory(at: number): boolean {
    return (this.#words[at >> 2]! & S_IFMT) === S_IFDIR;
  }

  isFile(at: number): boolean {
    return (this.#words[at >> 2]! & S_IFMT) === S_IFREG;
  }

  type(at: number): EntryType {
    return typeOf(this.#words[at >> 2]!);
  }

  /** Size of a regular file; 0 for all other entries. */
  size(at: number): number {
    return this.isFile(at) ? this.#numbers[(at >> 3) + SIZE]! : 0;
  }

  /** Bytes of the rows of everything below a directory, which follow its own row. */
  below(at: number): number {
    return this.#words[(at >> 2) + BELOW]!;
  }

  setBelow(at: number, bytes: number): void {
    this.#words[(at >> 2) + BELOW] = bytes;
  }

  state(at: number): number {
    return Atomics.load(this.#words, (at >> 2) + STATE);
  }

  /** True if the entry needs no more work. */
  isFinal(at: number): boolean {
    const state = this.state(at);
    return state >= DONE && state !== CHANGED;
  }

  /** Called last when a row is written: other threads see the row from then on. */
  setState(at: number, state: number): void {
    Atomics.store(this.#words, (at >> 2) + STATE, state);
  }

  /** Claims a file. True for exactly one thread, which may read it. */
  take(at: number): boolean {
    const place = (at >> 2) + STATE;
    return this.#words[place] === WAITING && Atomics.compareExchange(this.#words, place, WAITING, TAKEN) === WAITING;
  }

  finish(at: number, digest: string): void {
    this.bytes.latin1Write(ALGORITHM + digest, at + PATH + this.#words[(at >> 2) + LENGTH]!);
    this.setState(at, DONE);
  }

  /**
   * Writes a row of which only the path is known, and that it is a regular file.
   * @param prefix the path of its directory, with a slash; empty for the root
   */
  writePath(at: number, prefix: ByteString, name: ByteString): void {
    const words = this.#words;
    const word = at >> 2;
    words[word + MODE] = S_IFREG;
    words[word + LENGTH] = prefix.length + name.length;
    words[word + NAME] = prefix.length;
    this.bytes.latin1Write(prefix, at + PATH);
    this.bytes.latin1Write(name, at + PATH + prefix.length);
  }

  /** Writes the result of `lstat`. */
  writeEntry(at: number, entry: TreeEntry): void {
    this.#write(at, TYPE_BITS[entry.type] | entry.mode, entry);
  }

  /** Writes the result of `fstat`. */
  writeStat(at: number, stat: Stats | NativeStat): void {
    this.#write(at, stat.mode, stat);
  }

  #write(at: number, mode: number, stat: Omit<TreeEntry, 'path' | 'type'> | Stats | NativeStat): void {
    const words = this.#words;
    const numbers = this.#numbers;
    const word = at >> 2;
    const number = at >> 3;
    words[word + MODE] = mode;
    words[word + UID] = stat.uid;
    words[word + GID] = stat.gid;
    words[word + SEEN] = 1;
    numbers[number + SIZE] = sizeOrDevice(mode, stat);
    numbers[number + MTIME] = stat.mtimeMs;
    numbers[number + CTIME] = stat.ctimeMs;
    numbers[number + INO] = stat.ino;
    numbers[number + DEV] = stat.dev;
  }

  /** True if the row holds the result of a `stat`. */
  isSeen(at: number): boolean {
    return this.#words[(at >> 2) + SEEN] === 1;
  }

  /** True if an open file is the one in the row, unchanged as far as the system can tell. */
  isUnchanged(at: number, stat: Stats | NativeStat): boolean {
    return (stat.mode & S_IFMT) === S_IFREG && this.#looksSame(at, stat.size, stat);
  }

  /** True if an entry is as its row says, in every fact that the system tells. */
  isSame(at: number, entry: TreeEntry): boolean {
    const mode = TYPE_BITS[entry.type] | entry.mode;
    return (
      this.#words[at >> 2] === mode &&
      this.device(at) === entry.dev &&
      this.#looksSame(at, sizeOrDevice(mode, entry), entry)
    );
  }

  #looksSame(at: number, size: number, stat: Pick<NativeStat, 'mtimeMs' | 'ctimeMs' | 'ino'>): boolean {
    const numbers = this.#numbers;
    const number = at >> 3;
    return (
      numbers[number + SIZE] === size &&
      numbers[number + MTIME] === stat.mtimeMs &&
      numbers[number + CTIME] === stat.ctimeMs &&
      numbers[number + INO] === stat.ino
    );
  }

  device(at: number): number {
    return this.#numbers[(at >> 3) + DEV]!;
  }

  /** The later of mtime and ctime, in ms since the epoch. */
  changed(at: number): number {
    return Math.max(this.#numbers[(at >> 3) + MTIME]!, this.#numbers[(at >> 3) + CTIME]!);
  }
}

function sizeOrDevice(mode: number, stat: { readonly size: number; readonly rdev: number }): number {
  const type = mode & S_IFMT;
  return type === S_IFCHR || type === S_IFBLK ? stat.rdev : stat.size;
}
