/**
 * The stat cache: digests of entries by what `lstat` says about them, so that an unchanged tree is not read again.
 *
 * It must never give a wrong digest, so it trusts only what cannot have changed unseen:
 * - An entry is kept only if its mtime and ctime are clearly older than the moment the run began. A later change in the
 *   same tick of the clock would leave the same times behind; one that is older than the slack cannot (git's "racily
 *   clean" entries). Times in the future (a clock that was stepped back) are therefore never kept.
 * - A cache written in what is now the future is ignored as a whole: the clock was stepped back since, and moments that
 *   it vouched for are lived through again.
 * - ctime, inode and device are compared beside size, mtime and mode: a copied, restored or moved tree has others.
 * - It belongs to a machine and to the time since it was booted, so that a store that is carried elsewhere, or a clock that
 *   starts anew, brings nothing along.
 * - A damaged file does not match its own checksum and is ignored.
 * Writers make a file of their own and rename it into place: of two at once the last one wins, and both are right.
 */
import { createHash, hash, randomBytes } from 'node:crypto';
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  writeSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { ByteString } from './byte-string.ts';
import type { TreeEntry } from './tree-entry.ts';

/** What the digests depend on beside the entries themselves; each combination has a file of its own. */
export interface StatCacheSubject {
  /** The directory, resolved. */
  readonly root: ByteString;
  /** Everything else, for instance filter and modes, JSON-safe. */
  readonly variant: unknown;
}

const FORMAT = 'ctxsrc-stat-cache-1';
/** Seconds-old changes are not trusted: file systems exist whose times have two seconds of granularity. */
const SLACK_MS = 2_000;
/** Servers have clocks of their own, and so may file systems in user space. */
const REMOTE_SLACK_MS = 60_000;
/** `f_type` of file systems that take the time from this machine's clock: ext, xfs, btrfs, tmpfs, zfs, overlay, f2fs. */
const LOCAL_TYPES: readonly number[] = [0xef53, 0x58465342, 0x9123683e, 0x01021994, 0x2fc12fc1, 0x794c7630, 0xf2f52010];
/** Files of this folder beyond so many, the oldest first, are removed when one is written. */
const MAX_FILES = 32;
/** A larger file is not read. */
const MAX_BYTES = 1 << 30;
const CHECKSUM_BYTES = 32;

/** Layout of a record: mode with type bits, length of the path, five numbers, digest, path. */
const FIXED = 4 + 4 + 5 * 8 + 32;

/** Stands where a digest is still to come. */
const NO_DIGEST = Buffer.alloc(32);

const TYPE_CODES: readonly TreeEntry['type'][] = ['file', 'dir', 'symlink', 'char', 'block', 'fifo', 'socket'];

interface Header {
  readonly format: string;
  readonly machine: string;
  /** Clock of the run that wrote it, ms since the epoch. */
  readonly begun: number;
  /** Extended attributes were seen when it was written. */
  readonly xattrs: boolean;
}

/** One tree's cache during one run: ask for each entry in the order of the walk, then save. */
export class StatCache {
  readonly #file: string | undefined;
  readonly #begun = Date.now();
  readonly #remote: boolean;
  readonly #rootDevice: number;
  readonly #machine: string;
  #old: Buffer | undefined;
  #oldXattrs: boolean | undefined;
  /** Position of the record expected next. */
  #at = 0;
  #positions: Map<ByteString, number> | undefined;
  /** Undefined as long as the old file says the same, up to `#at`. */
  #writer: RecordWriter | undefined;

  /** @param dir folder of the store; undefined: nothing is remembered */
  constructor(dir: string | undefined, subject: StatCacheSubject) {
    this.#machine = machineIdentity();
    const stat = statSync(subject.root === '' ? '/' : Buffer.from(subject.root, 'latin1'));
    this.#rootDevice = stat.dev;
    this.#remote = !isLocal(subject.root);
    if (dir === undefined) return;
    const name = hash('sha256', JSON.stringify([FORMAT, subject, process.geteuid?.()]), 'hex');
    this.#file = join(dir, name);
    this.#load(this.#file);
  }

  /** Whether the cached digests have seen extended attributes; undefined when there are none. */
  get xattrs(): boolean | undefined {
    return this.#oldXattrs;
  }

  /** Forgets what was loaded. */
  drop(): void {
    this.#old = undefined;
    this.#oldXattrs = undefined;
    this.#at = 0;
    this.#positions = undefined;
    this.#writer = new RecordWriter(Buffer.alloc(0));
  }

  /** The digest (hex) of an entry that is as it was. */
  lookup(entry: TreeEntry): string | undefined {
    if (this.#old === undefined) return undefined;
    const at = this.#find(entry.path);
    if (at === undefined || !this.#matches(at, entry)) {
      this.#startWriting();
      return undefined;
    }
    if (at !== this.#at) this.#startWriting();
    this.#writer?.copy(this.#old, at, recordEnd(this.#old, at));
    this.#at = recordEnd(this.#old, at);
    return this.#old.toString('hex', at + FIXED - 32, at + FIXED);
  }

  /**
   * Remembers an entry that `lookup` did not know, unless it is too young to be trusted.
   * @returns where `settle` puts the digest, once it is known; undefined when nothing will be kept
   */
  add(entry: TreeEntry): number | undefined {
    if (this.#file === undefined) return undefined;
    const slack = this.#remote || entry.dev !== this.#rootDevice ? REMOTE_SLACK_MS : SLACK_MS;
    if (Math.max(entry.mtimeMs, entry.ctimeMs) >= this.#begun - slack) return undefined;
    this.#startWriting();
    return this.#writer!.append(entry);
  }

  /** The digest (hex) of an entry that was added. */
  settle(at: number | undefined, digest: string): void {
    if (at !== undefined) this.#writer!.settle(at, digest);
  }

  /** Writes the cache if anything in it changed. That it cannot be written is no error: the next run reads the tree again. */
  save(xattrs: boolean): void {
    if (this.#file === undefined) return;
    if (this.#old !== undefined && this.#writer === undefined && this.#at < this.#old.length) this.#startWriting();
    if (this.#writer === undefined) return;
    const header: Header = { format: FORMAT, machine: this.#machine, begun: this.#begun, xattrs };
    try {
      write(this.#file, Buffer.from(`${JSON.stringify(header)}\n`), this.#writer.finish());
    } catch {
      // A store that is full or read-only costs time, not correctness.
    }
  }

  #startWriting(): void {
    this.#writer ??= new RecordWriter(this.#old === undefined ? Buffer.alloc(0) : this.#old.subarray(0, this.#at));
  }

  #load(file: string): void {
    let bytes: Buffer;
    try {
      if (statSync(file).size > MAX_BYTES) return;
      bytes = readFileSync(file);
    } catch {
      return;
    }
    const end = bytes.indexOf(10);
    const body = bytes.subarray(0, Math.max(0, bytes.length - CHECKSUM_BYTES));
    if (end < 0 || !createHash('sha256').update(body).digest().equals(bytes.subarray(body.length))) return;
    const header = parseHeader(bytes.toString('utf8', 0, end));
    if (header?.format !== FORMAT || header.machine !== this.#machine || header.begun > this.#begun) return;
    this.#old = body.subarray(end + 1);
    this.#oldXattrs = header.xattrs;
  }

  /** Where the record of a path begins. Trees change little: nearly always it is the next one. */
  #find(path: ByteString): number | undefined {
    const old = this.#old!;
    if (this.#at < old.length && pathAt(old, this.#at) === path) return this.#at;
    if (this.#positions === undefined) {
      this.#positions = new Map();
      for (let at = 0; at < old.length; at = recordEnd(old, at)) this.#positions.set(pathAt(old, at), at);
    }
    return this.#positions.get(path);
  }

  #matches(at: number, entry: TreeEntry): boolean {
    const old = this.#old!;
    return (
      old.readUInt32LE(at) === modeWord(entry) &&
      old.readDoubleLE(at + 8) === entry.size &&
      old.readDoubleLE(at + 16) === entry.mtimeMs &&
      old.readDoubleLE(at + 24) === entry.ctimeMs &&
      old.readDoubleLE(at + 32) === entry.ino &&
      old.readDoubleLE(at + 40) === entry.dev
    );
  }
}

function parseHeader(text: string): Header | undefined {
  try {
    return JSON.parse(text) as Header;
  } catch {
    return undefined;
  }
}

function modeWord(entry: TreeEntry): number {
  return TYPE_CODES.indexOf(entry.type) * 0o10000 + entry.mode;
}

function recordEnd(buffer: Buffer, at: number): number {
  return at + FIXED + buffer.readUInt32LE(at + 4);
}

function pathAt(buffer: Buffer, at: number): ByteString {
  return buffer.toString('latin1', at + FIXED, recordEnd(buffer, at));
}

/** Records in the order of the walk. A digest that never comes (the file changed) leaves its record out. */
class RecordWriter {
  #buffer: Buffer;
  #length: number;
  /** Records whose digest is still to come: theirs is `NO_DIGEST`. */
  #open = 0;

  constructor(start: Buffer) {
    this.#buffer = Buffer.allocUnsafe(Math.max(1 << 18, start.length * 2));
    this.#length = start.copy(this.#buffer);
  }

  copy(from: Buffer, start: number, end: number): void {
    this.#reserve(end - start);
    this.#length += from.copy(this.#buffer, this.#length, start, end);
  }

  append(entry: TreeEntry): number {
    this.#reserve(FIXED + entry.path.length);
    const at = this.#length;
    const buffer = this.#buffer;
    buffer.writeUInt32LE(modeWord(entry), at);
    buffer.writeUInt32LE(entry.path.length, at + 4);
    buffer.writeDoubleLE(entry.size, at + 8);
    buffer.writeDoubleLE(entry.mtimeMs, at + 16);
    buffer.writeDoubleLE(entry.ctimeMs, at + 24);
    buffer.writeDoubleLE(entry.ino, at + 32);
    buffer.writeDoubleLE(entry.dev, at + 40);
    buffer.write(entry.path, at + FIXED, 'latin1');
    NO_DIGEST.copy(buffer, at + FIXED - 32);
    this.#length += FIXED + entry.path.length;
    this.#open += 1;
    return at;
  }

  settle(at: number, digest: string): void {
    this.#buffer.write(digest, at + FIXED - 32, 'hex');
    this.#open -= 1;
  }

  finish(): Buffer {
    const all = this.#buffer.subarray(0, this.#length);
    if (this.#open === 0) return all;
    const kept: Buffer[] = [];
    for (let at = 0; at < all.length; at = recordEnd(all, at)) {
      if (NO_DIGEST.compare(all, at + FIXED - 32, at + FIXED) !== 0) kept.push(all.subarray(at, recordEnd(all, at)));
    }
    return Buffer.concat(kept);
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + bytes));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}

function write(file: string, header: Buffer, records: Buffer): void {
  const dir = join(file, '..');
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const temporary = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  try {
    const fd = openSync(temporary, 'wx', 0o600);
    try {
      for (const part of [header, records, createHash('sha256').update(header).update(records).digest()]) {
        for (let at = 0; at < part.length; ) at += writeSync(fd, part, at);
      }
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  removeOldest(dir);
}

/** Also catches the temporary files of writers that were killed. */
function removeOldest(dir: string): void {
  const names = readdirSync(dir);
  if (names.length <= MAX_FILES) return;
  const aged = names.map((name) => ({
    name,
    mtime: statSync(join(dir, name), { throwIfNoEntry: false })?.mtimeMs ?? 0,
  }));
  aged.sort((a, b) => b.mtime - a.mtime);
  for (const { name } of aged.slice(MAX_FILES)) rmSync(join(dir, name), { force: true });
}

function isLocal(root: ByteString): boolean {
  try {
    return LOCAL_TYPES.includes(statfsSync(root === '' ? '/' : Buffer.from(root, 'latin1')).type);
  } catch {
    return false;
  }
}

/** This machine since it was booted. */
function machineIdentity(): string {
  const parts = ['/etc/machine-id', '/proc/sys/kernel/random/boot_id'].map((file) => {
    try {
      return readFileSync(file, 'latin1').trim();
    } catch {
      return '';
    }
  });
  return [...parts, hostname()].join('/');
}
