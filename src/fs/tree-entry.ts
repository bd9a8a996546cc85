/** What the system tells about one entry of a tree, and how trees are read. */
import { constants, lstatSync, readdirSync, readlinkSync, type Stats } from 'node:fs';
import { type ByteString, fsPath } from './byte-string.ts';
import { loadNative, type Native, type NativeStat } from './native.ts';

export type EntryType = 'file' | 'dir' | 'symlink' | 'char' | 'block' | 'fifo' | 'socket';

/** One entry. Times are milliseconds since the epoch, with a fraction of about 200 ns. */
export interface TreeEntry {
  /** Relative to the root, `/` between components; empty for the root itself. */
  readonly path: ByteString;
  readonly type: EntryType;
  /** Permission bits with setuid, setgid and sticky. */
  readonly mode: number;
  readonly size: number;
  readonly uid: number;
  readonly gid: number;
  readonly nlink: number;
  readonly dev: number;
  readonly ino: number;
  readonly rdev: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
}

/** Where a walk finds its entries. Failures are those of `node:fs`; a missing entry is undefined. */
export interface TreeReader {
  /** Names in a directory, in any order. */
  names(path: ByteString): ByteString[];
  entry(path: ByteString): TreeEntry | undefined;
  /** Text of a symlink. */
  target(path: ByteString): ByteString;
}

const TYPES: ReadonlyMap<number, EntryType> = new Map([
  [constants.S_IFREG, 'file'],
  [constants.S_IFDIR, 'dir'],
  [constants.S_IFLNK, 'symlink'],
  [constants.S_IFCHR, 'char'],
  [constants.S_IFBLK, 'block'],
  [constants.S_IFIFO, 'fifo'],
  [constants.S_IFSOCK, 'socket'],
]);

/** The entry that a `stat` describes. */
export function entryOf(path: ByteString, stat: Stats | NativeStat): TreeEntry {
  return {
    path,
    type: TYPES.get(stat.mode & constants.S_IFMT) ?? 'file',
    mode: stat.mode & 0o7777,
    size: stat.size,
    uid: stat.uid,
    gid: stat.gid,
    nlink: stat.nlink,
    dev: stat.dev,
    ino: stat.ino,
    rdev: stat.rdev,
    mtimeMs: stat.mtimeMs,
    ctimeMs: stat.ctimeMs,
  };
}

/** From so many entries on, loading the native calls costs less than they save. */
const MANY = 5_000;

/** A directory on disk. */
export class DiskReader implements TreeReader {
  readonly root: ByteString;
  #asked = 0;
  #native: Native | undefined;

  /** @param root absolute */
  constructor(root: ByteString) {
    this.root = root === '/' ? '' : root;
  }

  /** The full path as `node:fs` takes it. */
  full(path: ByteString): string | Buffer {
    return fsPath(path === '' ? this.root || '/' : `${this.root}/${path}`);
  }

  names(path: ByteString): ByteString[] {
    return readdirSync(this.full(path), 'latin1');
  }

  entry(path: ByteString): TreeEntry | undefined {
    this.#asked += 1;
    if (this.#asked === MANY) this.#native = nativeStat();
    const full = this.full(path);
    const stat = this.#native === undefined ? lstatSync(full, { throwIfNoEntry: false }) : this.#native.lstat(full);
    return stat === undefined ? undefined : entryOf(path, stat);
  }

  target(path: ByteString): ByteString {
    return readlinkSync(this.full(path), 'latin1');
  }
}

function nativeStat(): Native | undefined {
  const native = loadNative();
  return native?.capabilities.stat === true ? native : undefined;
}
