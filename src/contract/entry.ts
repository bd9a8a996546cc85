/**
 * An entry of a file tree, as it was written: what every writer reports, and what sidecars and the store list. Its texts
 * are byte strings (`fs/byte-string.ts`); only the rows of JSON (`fs/entry/json-rows.ts`) have them in another form.
 */
import type { Digest } from '../core/digest.ts';

/** The owner of an entry. */
export interface Owner {
  /** Number of the user. */
  uid: number;
  /** Number of the group. */
  gid: number;
}

/** A time since the epoch. */
export interface Time {
  /** Seconds, possibly negative. */
  mtime: number;
  /** Nanoseconds within the second. */
  mtimeNs: number;
}

/** Extended attributes; name and value are byte strings. */
export type Xattrs = ReadonlyMap<string, string>;

/** The wanted metadata of an entry; after writing, its actual metadata. */
export interface Metadata extends Owner, Time {
  /** Permission bits with setuid, setgid and sticky. */
  mode: number;
  /** Undefined where they were not read. */
  xattrs: Xattrs | undefined;
}

/** An entry of a tree, as it was written. */
export interface Entry extends Readonly<Metadata> {
  /** Relative to the root, `/` between components. */
  readonly path: string;
  /** `hardlink`: a further name of a file that stands earlier. */
  readonly type: 'file' | 'dir' | 'symlink' | 'hardlink' | 'char' | 'block' | 'fifo';
  /** Bytes of a file; 0 for all others. */
  readonly size: number;
  /** `sha256:` of a file's content. */
  readonly digest?: Digest | undefined;
  /** Symlinks: the text of the link. Hard links: the first path of the inode. Devices: `major:minor`. */
  readonly target?: string | undefined;
  /** Inode number and ctime (milliseconds) of a file in the store. */
  readonly ino?: number | undefined;
  /** When that inode was last changed. */
  readonly ctime?: number | undefined;
}

/** Entries, and the same as rows of JSON if the writer made them. */
export interface Entries extends Iterable<Entry> {
  /**
   * UTF-8. Each piece holds whole rows, separated by a comma and a newline, with no separator at either end of a piece.
   */
  readonly rows?: readonly Uint8Array[] | undefined;
}
