/** Owner, mode, extended attributes and times of what was written, and what of them could not be kept. */
import { type BigIntStats, chmodSync, lchownSync, lstatSync, lutimesSync } from 'node:fs';
import type { Loss, WriteOptions, WrittenEntry } from '../../contract/index.ts';
import { ioError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { type ByteString, isUtf8, textOfBytes } from '../../fs/byte-string.ts';
import type { Xattrs } from '../../fs/entry-header.ts';
import type { Native } from '../../fs/native.ts';
import type { EntryType } from '../../fs/tree-entry.ts';

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

/** More than so many losses are counted, but not listed. */
const MAX_LISTED = 5_000;
const SECOND = 1_000_000_000n;

export class Finisher {
  readonly #native: Native | undefined;
  readonly #options: WriteOptions;
  readonly losses: Loss[] = [];
  readonly lossCounts: Record<string, number> = {};

  constructor(native: Native | undefined, options: WriteOptions) {
    this.#native = native;
    this.#options = options;
  }

  lose(loss: Loss): void {
    this.lossCounts[loss.kind] = (this.lossCounts[loss.kind] ?? 0) + 1;
    if (this.losses.length < MAX_LISTED) this.losses.push(loss);
  }

  /**
   * Makes a written entry what it shall be. The order matters: a new owner takes away setuid bits and capabilities.
   * @throws CtxsrcError of `ioError`
   */
  finish(path: string | Buffer, place: ByteString, as: FinishedAs, xattrs: Xattrs): void {
    try {
      this.#setOwner(path, place, as);
      if (as.type !== 'symlink') this.#setMode(path, place, as.mode);
      this.#setXattrs(path, place, xattrs);
      this.#setTime(path, place, as.mtime);
    } catch (error) {
      throw ioError(error, `cannot write ${printable(textOfBytes(place))}`);
    }
  }

  /** The root is never part of a local directory: it is a fresh one. */
  finishRoot(path: string | Buffer, mtime: bigint): void {
    try {
      chmodSync(path, 0o755);
      this.#setTime(path, '', mtime);
    } catch (error) {
      throw ioError(error, 'cannot finish the directory');
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

  #setOwner(path: string | Buffer, place: ByteString, { uid, gid }: FinishedAs): void {
    const { owner } = this.#options;
    const isRoot = process.geteuid?.() === 0;
    if (owner === 'current' || (owner === 'auto' && !isRoot)) return;
    const wanted = owner === 'auto' ? { uid: 0, gid: 0 } : { uid, gid };
    const stat = lstatSync(path);
    if (stat.uid === wanted.uid && stat.gid === wanted.gid) return;
    try {
      lchownSync(path, wanted.uid, wanted.gid);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      this.lose({ path: textOfBytes(place), kind: 'owner', detail: `${wanted.uid}:${wanted.gid}` });
    }
  }

  #setMode(path: string | Buffer, place: ByteString, mode: number): void {
    chmodSync(path, mode);
    // The system takes the setgid bit away from the files of a group that the user is not in.
    if ((mode & 0o7000) !== 0 && (lstatSync(path).mode & 0o7777) !== mode) {
      this.lose({ path: textOfBytes(place), kind: 'setuid', detail: `mode ${mode.toString(8)}` });
    }
  }

  #setXattrs(path: string | Buffer, place: ByteString, xattrs: Xattrs): void {
    for (const [name, value] of xattrs) {
      try {
        this.#native?.setXattr(path, name, Buffer.from(value, 'latin1'));
      } catch (error) {
        if (!isRefusal(error)) throw error;
        const kind = name === 'security.capability' ? 'capability' : 'xattr';
        this.lose({ path: textOfBytes(place), kind, detail: printable(textOfBytes(name)) });
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
      this.lose({ path: textOfBytes(place), kind: 'mtime', detail: 'nanoseconds' });
    }
  }
}

/** The user may not, or the file system cannot. */
function isRefusal(error: unknown): boolean {
  return ['EPERM', 'EACCES', 'ENOTSUP', 'EINVAL', 'ENOSYS'].includes((error as NodeJS.ErrnoException).code ?? '');
}
