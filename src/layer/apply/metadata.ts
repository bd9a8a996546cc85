/**
 * Owner, mode, extended attributes and times of what was just created, in the order that keeps them all: a change of
 * owner clears setuid and capabilities, and everything changes times. What cannot be kept is counted as a loss.
 */
import {
  chmodSync,
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
import type { WriteOptions } from '../../contract/ref.ts';
import { loadNative, type Native } from '../../fs/native/native.ts';
import { at, createFile, type OpenDirectory } from '../../fs/write/confined.ts';
import { isRefusal, modeWithoutOwner, ownerChoice, shownMode } from '../../fs/write/metadata.ts';
import type { LossList } from './losses.ts';
import type { Leaf, Metadata } from './tree.ts';

const SPECIAL = 0o7000;
const SECOND = 1_000_000_000n;
const CAPABILITY = 'security.capability';

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** What the kernel gives a file that this process creates. */
interface Created extends Owner {
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
      this.#loseOwner(path, meta, 'file', this.#created);
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

  /**
   * A further name of a leaf, with a header of its own, which containerd gives to the inode: the last name counts.
   * @returns what the leaf has then
   */
  renamed(target: PathLike, path: string, { type, meta: had }: Leaf, header: Metadata): Metadata {
    const meta = { ...header, mode: type === 'symlink' ? had.mode : header.mode };
    if (this.#comesTo(meta, had)) return had;
    // containerd does so even where the owner stays: the kernel takes capabilities away.
    const chown = (uid: number, gid: number): void => lchownSync(target, uid, gid);
    const chowned = this.#chown(path, meta, type === 'symlink' ? 'other' : 'file', chown, had);
    if (type !== 'symlink') chmodSync(target, meta.mode);
    this.#xattrs(path, meta, (native, name, value) => native.setXattr(target as string | Buffer, name, value));
    this.#times(path, meta, {
      coarse: (time) => lutimesSync(target, time, time),
      fine: (native, time) => native.setTimes(target as string | Buffer, time, time),
    });
    const kept = [...(had.xattrs ?? [])].filter(([name]) => !(chowned && name === CAPABILITY));
    const all = new Map([...kept, ...(meta.xattrs ?? [])]);
    return { ...meta, xattrs: all.size > 0 ? all : undefined };
  }

  /** Whether a file that has `had` would be no different with that header. */
  #comesTo(header: Metadata, had: Metadata): boolean {
    const mode = this.#keepsOwners ? header.mode : modeWithoutOwner(header.mode, header, had);
    const xattrs = header.xattrs ?? new Map<string, string>();
    return (
      (!this.#keepsOwners || isOwnedBy(header, had)) &&
      had.mode === mode &&
      had.mtime === header.mtime &&
      had.mtimeNs === header.mtimeNs &&
      [...xattrs].every(([name, value]) => had.xattrs?.get(name) === value) &&
      (!this.#keepsOwners || had.xattrs?.has(CAPABILITY) !== true || xattrs.has(CAPABILITY))
    );
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
    if (!isOwnedBy(meta, this.#created)) this.#chown(path, meta, type, chown, this.#created);
  }

  /** @param present whose it is now @returns whether it has been given to its owner */
  #chown(
    path: string,
    meta: Metadata,
    type: 'file' | 'other',
    chown: (uid: number, gid: number) => void,
    present: Owner,
  ): boolean {
    if (this.#keepsOwners) {
      try {
        chown(meta.uid, meta.gid);
        return true;
      } catch (error) {
        if (!isRefusal(error)) throw error;
      }
    }
    this.#loseOwner(path, meta, type, present);
    return false;
  }

  #loseOwner(path: string, meta: Metadata, type: 'file' | 'other', present: Owner): void {
    if (isOwnedBy(meta, present)) return;
    if (this.#keepsOwners) this.#losses.add('owner', path, `${meta.uid}:${meta.gid}`);
    // What the bits of a directory say, its content inherits; nothing runs as its owner.
    if (type === 'file') {
      const mode = modeWithoutOwner(meta.mode, meta, present);
      if (mode !== meta.mode) this.#losses.add('setuid', path, shownMode(meta.mode));
      meta.mode = mode;
    }
    meta.uid = present.uid;
    meta.gid = present.gid;
  }

  #xattrs(path: string, meta: Metadata, set: (native: Native, name: string, value: Buffer) => void): void {
    if (meta.xattrs === undefined) return;
    const kept = new Map<string, string>();
    for (const [name, value] of meta.xattrs) {
      const kind = name === CAPABILITY ? 'capability' : 'xattr';
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

function isOwnedBy(meta: Owner, owner: Owner): boolean {
  return meta.uid === owner.uid && meta.gid === owner.gid;
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
