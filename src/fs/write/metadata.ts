/**
 * The one writer of owner, mode, extended attributes and times of the entries that a snapshot creates: of layers and
 * archives, local directories, clones, git checkouts and single files. Two fast cases, plain files of layers and small
 * files of clones, need one call each and make it themselves. Metadata that the system refuses to this user or file
 * system is a loss, and the metadata object then holds what the entry really has: setuid and setgid are dropped where
 * the owner or group is another.
 */
import {
  type BigIntStats,
  chmodSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  futimesSync,
  lchownSync,
  lstatSync,
  lutimesSync,
  type Stats,
} from 'node:fs';
import type { Metadata, Owner, Time } from '../../contract/entry.ts';
import type { WriteOptions } from '../../contract/ref.ts';
import { type ByteString, printableBytes } from '../byte-string.ts';
import { joinTime, splitTime } from '../entry/time.ts';
import type { EntryType } from '../entry/tree-entry.ts';
import { loadNative } from '../native/native.ts';
import type { LossSink } from './losses.ts';

/** Set-user-ID, set-group-ID and sticky. */
export const SPECIAL_BITS = 0o7000;
export const CAPABILITY = 'security.capability';
const SET_UID = 0o4000;
const SET_GID = 0o2000;

/** The metadata of an entry before it is written; absent members are unknown. */
type Present = Readonly<Owner & Partial<Time> & { mode?: number | undefined }>;

/** An open file or directory, or a path: of a symbolic link only if the entry is one. */
export type Target = number | string | Buffer;

export class MetadataWriter {
  /** True if the source's owners are wanted; otherwise they are no loss. */
  readonly keepsOwners: boolean;
  readonly #losses: LossSink;
  readonly #epoch: number;

  constructor({ owner, epoch }: Pick<WriteOptions, 'owner' | 'epoch'>, losses: LossSink) {
    this.#losses = losses;
    this.#epoch = epoch ?? Number.POSITIVE_INFINITY;
    this.keepsOwners = ownerChoice(owner) !== 'current';
  }

  /** Later times are set to the epoch option. */
  clamp(time: Time): void {
    if (time.mtime < this.#epoch) return;
    time.mtime = this.#epoch;
    time.mtimeNs = 0;
  }

  /**
   * Sets a created entry's metadata, in an order that keeps all of it: a change of owner clears set-ID bits and
   * capabilities, and every change affects the times. Fails with the system's own error.
   * @param path below the root, for losses
   * @param chownAlways changes the owner even to the same one, as that clears capabilities
   * @returns true if the owner was changed
   */
  finish(
    target: Target,
    path: ByteString,
    type: EntryType,
    meta: Metadata,
    present: Present,
    chownAlways = false,
  ): boolean {
    const wanted = meta.mode;
    const chowned = (chownAlways || !isOwnedBy(meta, present)) && this.#setOwner(target, path, type, meta, present);
    const lostBits = chowned && (wanted & SPECIAL_BITS) !== 0;
    if (type !== 'symlink') this.#setMode(target, path, meta, wanted, lostBits ? undefined : present.mode);
    if (meta.xattrs !== undefined) this.#setXattrs(target, path, meta, meta.xattrs);
    this.clamp(meta);
    if (meta.mtime !== present.mtime || meta.mtimeNs !== present.mtimeNs) this.setTimes(target, path, meta);
    return chowned;
  }

  /** The last step alone, for a file that needs nothing else. */
  setTimes(target: Target, path: ByteString, time: Time): void {
    const { mtime, mtimeNs } = time;
    if (mtimeNs === 0) {
      setNodeTimes(target, mtime);
      return;
    }
    const native = loadNative();
    if (native !== undefined) {
      const nanoseconds = joinTime(time);
      native.setTimes(target, nanoseconds, nanoseconds);
      return;
    }
    const microseconds = Math.floor(mtimeNs / 1000);
    if (microseconds * 1000 !== mtimeNs) this.#losses.add('mtime', path, `${mtimeNs % 1000} ns`);
    // Half a microsecond more, because the double is truncated, possibly to the microsecond before.
    setNodeTimes(target, mtime + (microseconds + 0.5) / 1e6);
    time.mtimeNs = microseconds * 1000;
  }

  #setOwner(target: Target, path: ByteString, type: EntryType, meta: Metadata, present: Present): boolean {
    if (this.keepsOwners) {
      try {
        if (typeof target === 'number') fchownSync(target, meta.uid, meta.gid);
        else lchownSync(target, meta.uid, meta.gid);
        return true;
      } catch (error) {
        if (!isRefusal(error)) throw error;
      }
      if (!isOwnedBy(meta, present)) this.#losses.add('owner', path, `${meta.uid}:${meta.gid}`);
    }
    // The content of a directory inherits its bits, but nothing runs as its owner.
    if (type !== 'dir') meta.mode = modeWithoutOwner(meta.mode, meta, present);
    meta.uid = present.uid;
    meta.gid = present.gid;
    return false;
  }

  #setMode(target: Target, path: ByteString, meta: Metadata, wanted: number, present: number | undefined): void {
    if (meta.mode !== present) {
      if (typeof target === 'number') fchmodSync(target, meta.mode);
      else chmodSync(target, meta.mode);
    }
    if ((wanted & SPECIAL_BITS) === 0) return;
    // The system clears the setgid bit of files whose group the user is not in.
    meta.mode = (typeof target === 'number' ? fstatSync(target) : lstatSync(target)).mode & 0o7777;
    if (meta.mode !== wanted) this.#losses.add('setuid', path, `mode ${wanted.toString(8).padStart(4, '0')}`);
  }

  #setXattrs(target: Target, path: ByteString, meta: Metadata, xattrs: ReadonlyMap<string, string>): void {
    const kept = new Map<string, string>();
    for (const [name, value] of xattrs) {
      const problem = this.#setXattr(target, name, Buffer.from(value, 'latin1'));
      if (problem === undefined) kept.set(name, value);
      else this.#losses.add(name === CAPABILITY ? 'capability' : 'xattr', path, `${printableBytes(name)}: ${problem}`);
    }
    meta.xattrs = kept.size > 0 ? kept : undefined;
  }

  /** @returns why it could not be set */
  #setXattr(target: Target, name: string, value: Buffer): string | undefined {
    const native = loadNative();
    if (native === undefined) return 'the native package is missing';
    try {
      native.setXattr(target, name, value);
      return undefined;
    } catch (error) {
      if (!isRefusal(error)) throw error;
      return (error as NodeJS.ErrnoException).code;
    }
  }
}

/** The meaning of `--owner`: `auto` is `current` for all users but root, who alone can give files to others. */
export function ownerChoice<Choice extends string>(owner: Choice): Choice | 'current' {
  return owner === 'auto' && process.geteuid?.() !== 0 ? 'current' : owner;
}

/** The mode of a file whose owner differs from the source's: its program must not run as an unintended user. */
export function modeWithoutOwner(mode: number, meant: Owner, actual: Owner): number {
  let kept = mode;
  if (meant.uid !== actual.uid) kept &= ~SET_UID;
  if (meant.gid !== actual.gid) kept &= ~SET_GID;
  return kept;
}

export function isOwnedBy(meta: Owner, owner: Owner): boolean {
  return meta.uid === owner.uid && meta.gid === owner.gid;
}

/** Owner and mode of what is on disk. */
export function presentOf({ uid, gid, mode }: Stats): Owner & { readonly mode: number } {
  return { uid, gid, mode: mode & 0o7777 };
}

/** The metadata of what is on disk, without its attributes. */
export function metadataOf({ uid, gid, mode, mtimeNs }: BigIntStats): Metadata {
  return {
    uid: Number(uid),
    gid: Number(gid),
    mode: Number(mode & 0o7777n),
    ...splitTime(mtimeNs),
    xattrs: undefined,
  };
}

function setNodeTimes(target: Target, seconds: number): void {
  // Node reads a negative number of seconds as the present, but not a negative date.
  const time = seconds < 0 ? new Date(seconds * 1000) : seconds;
  if (typeof target === 'number') futimesSync(target, time, time);
  else lutimesSync(target, time, time);
}

/** Codes by which the system refuses something to this user or on this file system. */
const FORBIDDEN = ['EPERM', 'EACCES', 'EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'];
/** Those for a value: ext4 reports that no space is left for an attribute that is too large. */
const UNFIT = ['E2BIG', 'ERANGE', 'ENOSPC', 'ERR_OUT_OF_RANGE'];

/** True if the system refuses this to the user or on this file system; anything else is a failure. */
export function isForbidden(error: unknown): boolean {
  return FORBIDDEN.includes((error as NodeJS.ErrnoException).code ?? '');
}

/** As `isForbidden`, for an owner or attribute, whose value may be refused as well. */
function isRefusal(error: unknown): boolean {
  return isForbidden(error) || UNFIT.includes((error as NodeJS.ErrnoException).code ?? '');
}
