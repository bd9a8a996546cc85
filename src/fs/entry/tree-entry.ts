/** What the system tells about an entry of a tree, and how trees are read. */
import { constants, lstatSync, readdirSync, readlinkSync, type Stats } from 'node:fs';
import { type ByteString, fsPath } from '../byte-string.ts';
import { deviceOf, type NativeStat } from '../native/stat.ts';

export type EntryType = 'file' | 'dir' | 'symlink' | 'char' | 'block' | 'fifo' | 'socket';

/** One entry. Times are milliseconds since the epoch, with a fraction of about 200 ns. */
export interface TreeEntry extends NativeStat {
  /** Relative to the root, `/` between components; empty for the root itself. */
  readonly path: ByteString;
  readonly type: EntryType;
  /** Permission bits with setuid, setgid and sticky, without the bits of the type. */
  readonly mode: number;
}

/** Where a walk finds its entries. Errors are those of `node:fs`; a missing entry is undefined. */
export interface TreeReader {
  /**
   * Names in a directory, in any order. Called directly after `entry` of the directory, before anything in it.
   * @param namesTell names alone decide: of this directory, all that is looked at is taken. Otherwise it may have
   * directories that are taken only because of something in them
   */
  names(path: ByteString, namesTell?: boolean): ByteString[];
  /** @param isDirectory the type that the listing of its directory gave, if there was one */
  entry(path: ByteString, isDirectory?: boolean): TreeEntry | undefined;
  /** The text of a symlink. */
  target(path: ByteString): ByteString;
}

/** A reader that trusts the types in a directory's listing, so that regular files can be stat'ed later. */
export interface LateReader extends TreeReader {
  /**
   * Of the names found last, those that may not be regular files, with true for a directory; undefined: stat all names.
   */
  readonly others: ReadonlyMap<ByteString, boolean> | undefined;
}

/** Regular files of one directory, by its listing, that were not stat'ed yet; sorted. */
export interface UnseenFiles {
  readonly type: 'unseen';
  readonly dir: ByteString;
  readonly names: readonly ByteString[];
}

/** The bits of a type in the mode of a `stat`. */
export const TYPE_BITS: Readonly<Record<EntryType, number>> = {
  file: constants.S_IFREG,
  dir: constants.S_IFDIR,
  symlink: constants.S_IFLNK,
  char: constants.S_IFCHR,
  block: constants.S_IFBLK,
  fifo: constants.S_IFIFO,
  socket: constants.S_IFSOCK,
};
const TYPES = new Map(Object.entries(TYPE_BITS).map(([type, bits]) => [bits, type as EntryType]));

/** The type in the mode of a `stat` result. */
export function typeOf(mode: number): EntryType {
  return TYPES.get(mode & constants.S_IFMT) ?? 'file';
}

/** The entry of a `stat` result. */
export function entryOf(path: ByteString, stat: Stats | NativeStat): TreeEntry {
  return {
    path,
    type: typeOf(stat.mode),
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

/** True if a file is still the one that was seen, unchanged as far as the system can tell. */
export function isUnchanged(stat: Stats | NativeStat, seen: Omit<TreeEntry, 'path' | 'type'>): boolean {
  return (
    stat.size === seen.size &&
    stat.mtimeMs === seen.mtimeMs &&
    stat.ctimeMs === seen.ctimeMs &&
    stat.ino === seen.ino &&
    (stat.mode & constants.S_IFMT) === constants.S_IFREG
  );
}

/** A directory on disk. */
export class DiskReader implements TreeReader {
  readonly root: ByteString;

  /** @param root absolute */
  constructor(root: ByteString) {
    this.root = root === '/' ? '' : root;
  }

  /** The full path as `node:fs` accepts it. */
  full(path: ByteString): string | Buffer {
    return fsPath(path === '' ? this.root || '/' : `${this.root}/${path}`);
  }

  names(path: ByteString): ByteString[] {
    return readdirSync(this.full(path), 'latin1');
  }

  entry(path: ByteString): TreeEntry | undefined {
    const stat = lstatSync(this.full(path), { throwIfNoEntry: false });
    return stat === undefined ? undefined : entryOf(path, stat);
  }

  target(path: ByteString): ByteString {
    return readlinkSync(this.full(path), 'latin1');
  }

  /** The text of a symlink, `major:minor` of a device. */
  targetOf({ path, type, rdev }: TreeEntry): ByteString | undefined {
    if (type === 'char' || type === 'block') return deviceOf(rdev);
    return type === 'symlink' ? this.target(path) : undefined;
  }
}
