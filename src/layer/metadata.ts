/**
 * Owner, mode, extended attributes and times of what was just created, in the order that keeps them all: a change of
 * owner clears setuid and capabilities, and everything changes times. What cannot be kept is counted as a loss.
 */
import {
  closeSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  futimesSync,
  lchownSync,
  lutimesSync,
  type PathLike,
  unlinkSync,
} from 'node:fs';
import type { WriteOptions } from '../contract/ref.ts';
import { at, createFile, type OpenDirectory } from '../fs/confined.ts';
import { loadNative, type Native } from '../fs/native.ts';
import type { LossList } from './losses.ts';
import type { Metadata } from './tree.ts';

const SET_ID = 0o6000;
const SPECIAL = 0o7000;
const SECOND = 1_000_000_000n;

/** What the kernel gives a file that this process creates. */
interface Created {
  readonly uid: number;
  readonly gid: number;
  /** Bits of a mode that creation loses. */
  readonly umask: number;
}

export class MetadataWriter {
  readonly #losses: LossList;
  readonly #mayChown: boolean;
  readonly #ownerAsked: boolean;
  readonly #created: Created;
  readonly #epoch: number;
  #native: Native | undefined | 'unknown' = 'unknown';

  /** Makes and removes a file in `root` to see what creation does there. */
  constructor(root: OpenDirectory, options: Pick<WriteOptions, 'owner' | 'epoch'>, losses: LossList) {
    this.#losses = losses;
    this.#mayChown = options.owner === 'preserve' || (options.owner === 'auto' && process.geteuid?.() === 0);
    this.#ownerAsked = options.owner !== 'current';
    this.#epoch = options.epoch ?? Number.POSITIVE_INFINITY;
    this.#created = probe(root);
  }

  /** Loaded when first needed: most layers need none of it. */
  get native(): Native | undefined {
    if (this.#native === 'unknown') this.#native = loadNative();
    return this.#native;
  }

  /** Times as they will be written, clamped to the epoch option. */
  clamp(mtime: number, mtimeNs: number): { mtime: number; mtimeNs: number } {
    if (mtime < this.#epoch) return { mtime, mtimeNs };
    return { mtime: this.#epoch, mtimeNs: 0 };
  }

  /** What a directory that no layer declares has: made by us, and the same in every run. */
  undeclared(): Metadata {
    return { mode: 0o755, uid: this.#created.uid, gid: this.#created.gid, mtime: 0, mtimeNs: 0, xattrs: undefined };
  }

  /**
   * Mode to create a file with: never more than it shall have, and no special bits, which must come after the owner.
   */
  creationMode(mode: number): number {
    return mode & 0o777;
  }

  /**
   * Whether a file will need neither a change of owner, nor attributes, nor fractions of a second: then it can be made as
   * a `PlainFile`. Settles what of its metadata cannot be kept.
   * @returns whether its mode must be set again after creation; undefined when it is not that plain
   */
  plain(path: string, meta: Metadata): boolean | undefined {
    const { uid, gid, umask } = this.#created;
    if (meta.mtimeNs !== 0 || meta.mtime < 0 || meta.xattrs !== undefined) return undefined;
    if (meta.uid !== uid || meta.gid !== gid) {
      if (this.#mayChown) return undefined;
      this.#loseOwner(path, meta);
      this.#dropSetId(path, meta);
    }
    return (meta.mode & (SPECIAL | umask)) !== 0;
  }

  /** A file that was created with `creationMode` and has its content. Changes `meta` to what the file really has. */
  file(fd: number, path: string, meta: Metadata): void {
    const wanted = meta.mode;
    const chowned = this.#owner(path, meta, (uid, gid) => fchownSync(fd, uid, gid));
    if (!chowned) this.#dropSetId(path, meta);
    if ((wanted & (SPECIAL | this.#created.umask)) !== 0) fchmodSync(fd, meta.mode);
    this.#xattrs(path, meta, (native, name, value) => native.setXattrFd(fd, name, value));
    this.#times(path, meta, {
      coarse: (time) => futimesSync(fd, time, time),
      fine: (native, time) => native.setTimesFd(fd, time, time),
    });
  }

  /** A directory, open; it has `diskMode`. */
  directory(fd: number, path: string, meta: Metadata): void {
    this.#owner(path, meta, (uid, gid) => fchownSync(fd, uid, gid));
    if ((fstatSync(fd).mode & 0o7777) !== meta.mode) fchmodSync(fd, meta.mode);
    this.#xattrs(path, meta, (native, name, value) => native.setXattrFd(fd, name, value));
    this.#times(path, meta, {
      coarse: (time) => futimesSync(fd, time, time),
      fine: (native, time) => native.setTimesFd(fd, time, time),
    });
  }

  /** A symlink. */
  link(target: PathLike, path: string, meta: Metadata): void {
    this.#owner(path, meta, (uid, gid) => lchownSync(target, uid, gid));
    this.#xattrs(path, meta, (native, name, value) => native.setXattr(target as string | Buffer, name, value));
    this.#times(path, meta, {
      coarse: (time) => lutimesSync(target, time, time),
      fine: (native, time) => native.setTimes(target as string | Buffer, time, time),
    });
  }

  /** A device or fifo, made with `creationMode`. `chmod` must reach it without following a link. */
  special(target: PathLike, path: string, meta: Metadata, chmod: (mode: number) => void): void {
    const chowned = this.#owner(path, meta, (uid, gid) => lchownSync(target, uid, gid));
    if (!chowned) this.#dropSetId(path, meta);
    chmod(meta.mode);
    this.#xattrs(path, meta, (native, name, value) => native.setXattr(target as string | Buffer, name, value));
    this.#times(path, meta, {
      coarse: (time) => lutimesSync(target, time, time),
      fine: (native, time) => native.setTimes(target as string | Buffer, time, time),
    });
  }

  /** @returns whether the owner is the one the archive names */
  #owner(path: string, meta: Metadata, chown: (uid: number, gid: number) => void): boolean {
    const { uid, gid } = this.#created;
    if (meta.uid === uid && meta.gid === gid) return true;
    if (this.#mayChown) {
      try {
        chown(meta.uid, meta.gid);
        return true;
      } catch (error) {
        if (!isRefusal(error)) throw error;
      }
    }
    this.#loseOwner(path, meta);
    return false;
  }

  #loseOwner(path: string, meta: Metadata): void {
    if (this.#ownerAsked) this.#losses.add('owner', path, `${meta.uid}:${meta.gid}`);
    meta.uid = this.#created.uid;
    meta.gid = this.#created.gid;
  }

  /** A program that runs as its owner must not do so as somebody else. */
  #dropSetId(path: string, meta: Metadata): void {
    if ((meta.mode & SET_ID) === 0) return;
    this.#losses.add('setuid', path, `mode ${meta.mode.toString(8).padStart(4, '0')}`);
    meta.mode &= ~SET_ID;
  }

  #xattrs(path: string, meta: Metadata, set: (native: Native, name: string, value: Buffer) => void): void {
    if (meta.xattrs === undefined) return;
    const kept = new Map<string, string>();
    for (const [name, value] of meta.xattrs) {
      const kind = name === 'security.capability' ? 'capability' : 'xattr';
      const native = this.native;
      if (native === undefined) {
        this.#losses.add(kind, path, `${name}: the native package is missing`);
        continue;
      }
      try {
        set(native, name, Buffer.from(value, 'latin1'));
        kept.set(name, value);
      } catch (error) {
        if (!isRefusal(error)) throw error;
        this.#losses.add(kind, path, `${name}: ${(error as NodeJS.ErrnoException).code}`);
      }
    }
    meta.xattrs = kept.size > 0 ? kept : undefined;
  }

  #times(
    path: string,
    meta: Metadata,
    set: { coarse(time: number | Date): void; fine(native: Native, nanoseconds: bigint): void },
  ): void {
    if (meta.mtimeNs === 0) {
      set.coarse(nodeTime(meta.mtime));
      return;
    }
    const native = this.native;
    if (native !== undefined) {
      set.fine(native, BigInt(meta.mtime) * SECOND + BigInt(meta.mtimeNs));
      return;
    }
    const microseconds = Math.floor(meta.mtimeNs / 1000);
    if (microseconds * 1000 !== meta.mtimeNs) this.#losses.add('mtime', path, `${meta.mtimeNs % 1000} ns`);
    // Half a microsecond more: a double is cut, and must not be cut to the one before.
    set.coarse(nodeTime(meta.mtime + (microseconds + 0.5) / 1e6));
    meta.mtimeNs = microseconds * 1000;
  }
}

/** Node takes a negative number of seconds for the present, but not a negative date. */
function nodeTime(seconds: number): number | Date {
  return seconds < 0 ? new Date(seconds * 1000) : seconds;
}

/** The system will not do this for this user, on this file system or with this value; anything else is a failure. */
function isRefusal(error: unknown): boolean {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'EPERM':
    case 'EACCES':
    case 'EINVAL':
    case 'ENOTSUP':
    case 'EOPNOTSUPP':
    case 'E2BIG':
    case 'ERANGE':
    case 'ENOSPC':
      return true;
    default:
      return false;
  }
}

function probe(root: OpenDirectory): Created {
  const name = '.ctxsrc-probe';
  const fd = createFile(root, name, 0o777);
  try {
    const { uid, gid, mode } = fstatSync(fd);
    return { uid, gid, umask: ~mode & 0o777 };
  } finally {
    closeSync(fd);
    unlinkSync(at(root, name));
  }
}
