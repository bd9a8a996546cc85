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
import { isRefusal, modeWithoutOwner, ownerChoice, shownMode } from '../fs/kept-metadata.ts';
import { loadNative, type Native } from '../fs/native.ts';
import type { LossList } from './losses.ts';
import type { Metadata } from './tree.ts';

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
  readonly #keepsOwners: boolean;
  readonly #created: Created;
  readonly #epoch: number;
  #native: Native | undefined | 'unknown' = 'unknown';

  /** Makes and removes a file in `root` to see what creation does there. */
  constructor(root: OpenDirectory, options: Pick<WriteOptions, 'owner' | 'epoch'>, losses: LossList) {
    this.#losses = losses;
    this.#keepsOwners = ownerChoice(options.owner) !== 'current';
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
      if (this.#keepsOwners) return undefined;
      this.#loseOwner(path, meta, 'file');
    }
    return (meta.mode & (SPECIAL | umask)) !== 0;
  }

  /** A file that was created with `creationMode` and has its content. Changes `meta` to what the file really has. */
  file(fd: number, path: string, meta: Metadata): void {
    const wanted = meta.mode;
    this.#owner(path, meta, 'file', (uid, gid) => fchownSync(fd, uid, gid));
    if ((wanted & (SPECIAL | this.#created.umask)) !== 0) fchmodSync(fd, meta.mode);
    this.#xattrs(path, meta, (native, name, value) => native.setXattrFd(fd, name, value));
    this.#times(path, meta, {
      coarse: (time) => futimesSync(fd, time, time),
      fine: (native, time) => native.setTimesFd(fd, time, time),
    });
  }

  /** A directory, open; it has `diskMode`. */
  directory(fd: number, path: string, meta: Metadata): void {
    this.#owner(path, meta, 'other', (uid, gid) => fchownSync(fd, uid, gid));
    if ((fstatSync(fd).mode & 0o7777) !== meta.mode) fchmodSync(fd, meta.mode);
    this.#xattrs(path, meta, (native, name, value) => native.setXattrFd(fd, name, value));
    this.#times(path, meta, {
      coarse: (time) => futimesSync(fd, time, time),
      fine: (native, time) => native.setTimesFd(fd, time, time),
    });
  }

  /** A symlink. */
  link(target: PathLike, path: string, meta: Metadata): void {
    this.#owner(path, meta, 'other', (uid, gid) => lchownSync(target, uid, gid));
    this.#xattrs(path, meta, (native, name, value) => native.setXattr(target as string | Buffer, name, value));
    this.#times(path, meta, {
      coarse: (time) => lutimesSync(target, time, time),
      fine: (native, time) => native.setTimes(target as string | Buffer, time, time),
    });
  }

  /** A device or fifo, made with `creationMode`. `chmod` must reach it without following a link. */
  special(target: PathLike, path: string, meta: Metadata, chmod: (mode: number) => void): void {
    this.#owner(path, meta, 'file', (uid, gid) => lchownSync(target, uid, gid));
    chmod(meta.mode);
    this.#xattrs(path, meta, (native, name, value) => native.setXattr(target as string | Buffer, name, value));
    this.#times(path, meta, {
      coarse: (time) => lutimesSync(target, time, time),
      fine: (native, time) => native.setTimes(target as string | Buffer, time, time),
    });
  }

  #owner(path: string, meta: Metadata, type: 'file' | 'other', chown: (uid: number, gid: number) => void): void {
    const { uid, gid } = this.#created;
    if (meta.uid === uid && meta.gid === gid) return;
    if (this.#keepsOwners) {
      try {
        chown(meta.uid, meta.gid);
        return;
      } catch (error) {
        if (!isRefusal(error)) throw error;
      }
    }
    this.#loseOwner(path, meta, type);
  }

  #loseOwner(path: string, meta: Metadata, type: 'file' | 'other'): void {
    if (this.#keepsOwners) this.#losses.add('owner', path, `${meta.uid}:${meta.gid}`);
    // What the bits of a directory say, its content inherits; nothing runs as its owner.
    if (type === 'file') {
      const mode = modeWithoutOwner(meta.mode, meta, this.#created);
      if (mode !== meta.mode) this.#losses.add('setuid', path, shownMode(meta.mode));
      meta.mode = mode;
    }
    meta.uid = this.#created.uid;
    meta.gid = this.#created.gid;
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
