/** Owner, mode, extended attributes and times of what was written, and what of them could not be kept. */
import { type BigIntStats, chmodSync, lchownSync, lstatSync, lutimesSync } from 'node:fs';
import type { WriteOptions, WrittenEntry } from '../../contract/index.ts';
import { localError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { type ByteString, isUtf8, printableBytes, textOfBytes } from '../../fs/byte-string.ts';
import type { Xattrs } from '../../fs/entry/header.ts';
import type { EntryType } from '../../fs/entry/tree-entry.ts';
import type { Native } from '../../fs/native/native.ts';
import { LossList } from '../../fs/write/losses.ts';
import { isRefusal, modeWithoutOwner, ownerChoice, shownMode } from '../../fs/write/metadata.ts';

/** What an entry shall be. */
export interface FinishedAs {
  readonly type: EntryType;
  readonly mode: number;
  /** Owner in the source. */
  readonly uid: number;
  readonly gid: number;
  /** Nanoseconds since the epoch. */
  readonly mtime: bigint;
}

const SECOND = 1_000_000_000n;

export class Finisher {
  readonly #native: Native | undefined;
  readonly #options: WriteOptions;
  readonly losses = new LossList();

  constructor(native: Native | undefined, options: WriteOptions) {
    this.#native = native;
    this.#options = options;
  }

  /**
   * Makes a written entry what it shall be. The order matters: a new owner takes away setuid bits and capabilities.
   * @throws CtxsrcError of `localError`
   */
  finish(path: string | Buffer, place: ByteString, as: FinishedAs, xattrs: Xattrs): void {
    try {
      const mode = this.#setOwner(path, place, as);
      if (as.type !== 'symlink') this.#setMode(path, place, as.mode, mode);
      this.#setXattrs(path, place, xattrs);
      this.#setTime(path, place, as.mtime);
    } catch (error) {
      throw localError(error, `cannot write ${printable(textOfBytes(place))}`);
    }
  }

  /** The root is never part of a local directory: it is a fresh one. */
  finishRoot(path: string | Buffer, mtime: bigint): void {
    try {
      chmodSync(path, 0o755);
      this.#setTime(path, '', mtime);
    } catch (error) {
      throw localError(error, 'cannot finish the directory');
    }
  }

  report(place: ByteString, type: WrittenEntry['type'], stat: BigIntStats, xattrs?: Xattrs): WrittenEntry {
    const kept = [...(xattrs ?? [])].map(([name, value]) => [name, Buffer.from(value, 'latin1').toString('base64')]);
    return {
      ...(isUtf8(place) ? { path: textOfBytes(place) } : { path: place, pathBytes: true }),
      type,
      mode: Number(stat.mode & 0o7777n),
      uid: Number(stat.uid),
      gid: Number(stat.gid),
      size: 0,
      mtime: String(stat.mtimeNs),
      ...(kept.length === 0 ? {} : { xattrs: Object.fromEntries(kept) as Record<string, string> }),
    };
  }

  /** @returns the mode that the entry may have with the owner that it has now */
  #setOwner(path: string | Buffer, place: ByteString, { type, mode, uid, gid }: FinishedAs): number {
    const owner = ownerChoice(this.#options.owner);
    // BuildKit gives what it is sent from a directory to root, set-user-ID bits and all.
    const wanted = owner === 'auto' ? { uid: 0, gid: 0 } : { uid, gid };
    const present = lstatSync(path);
    if (present.uid === wanted.uid && present.gid === wanted.gid) return mode;
    if (owner !== 'current') {
      try {
        lchownSync(path, wanted.uid, wanted.gid);
        return mode;
      } catch (error) {
        if (!isRefusal(error)) throw error;
        this.losses.add('owner', place, `${wanted.uid}:${wanted.gid}`);
      }
    }
    return type === 'dir' ? mode : modeWithoutOwner(mode, { uid, gid }, present);
  }

  #setMode(path: string | Buffer, place: ByteString, wanted: number, allowed: number): void {
    chmodSync(path, allowed);
    // The system takes the setgid bit away from the files of a group that the user is not in.
    if ((wanted & 0o7000) !== 0 && (lstatSync(path).mode & 0o7777) !== wanted) {
      this.losses.add('setuid', place, shownMode(wanted));
    }
  }

  #setXattrs(path: string | Buffer, place: ByteString, xattrs: Xattrs): void {
    for (const [name, value] of xattrs) {
      try {
        this.#native?.setXattr(path, name, Buffer.from(value, 'latin1'));
      } catch (error) {
        if (!isRefusal(error)) throw error;
        const kind = name === 'security.capability' ? 'capability' : 'xattr';
        this.losses.add(kind, place, `${printableBytes(name)}: ${(error as NodeJS.ErrnoException).code}`);
      }
    }
  }

  #setTime(path: string | Buffer, place: ByteString, mtime: bigint): void {
    const { epoch } = this.#options;
    const latest = epoch === undefined ? undefined : BigInt(epoch) * SECOND;
    const time = latest !== undefined && mtime > latest ? latest : mtime;
    if (this.#native !== undefined) {
      this.#native.setTimes(typeof path === 'string' ? path : new Uint8Array(path), time);
      return;
    }
    const seconds = Number(time / 1000n) / 1e6;
    lutimesSync(path, seconds, seconds);
    if (lstatSync(path, { bigint: true }).mtimeNs !== time) {
      this.losses.add('mtime', place, 'nanoseconds');
    }
  }
}
