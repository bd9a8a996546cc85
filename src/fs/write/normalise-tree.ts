/**
 * The last pass over a directory that another program filled, or a source by hand: modes that do not depend on the
 * umask, times as asked for, and a report of every entry. The directory is private to the caller; no link is followed.
 */
import { createHash } from 'node:crypto';
import {
  type BigIntStats,
  chmodSync,
  closeSync,
  constants,
  lstatSync,
  lutimesSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
} from 'node:fs';
import { setImmediate as yieldToOthers } from 'node:timers/promises';
import type { WriteReport, WrittenEntry } from '../../contract/ref.ts';
import { CtxsrcError, localError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { type ByteString, bytesOfText, compareBytes, fsPath, isUtf8, textOfBytes } from '../byte-string.ts';

export interface SettleOptions {
  readonly signal: AbortSignal;
  /** Permission bits a file or directory shall have, from those it has. Unless given they stay. */
  readonly modeOf?: ((type: 'file' | 'dir', mode: number) => number) | undefined;
  /** Time of every entry, the root included, in seconds since the epoch; unless given the times stay. */
  readonly mtime?: number | undefined;
  /** Later times become this, in seconds (SOURCE_DATE_EPOCH). */
  readonly epoch?: number | undefined;
}

/** Entries handled before others get their turn. */
const BATCH = 64;

/**
 * Settles the tree below `dir` and reports it: depth first, a directory before what is in it, in the order of the names'
 * bytes. Throws what `localError` makes of a failed call, and the abort reason of the signal.
 */
export async function settleTree(dir: string, options: SettleOptions): Promise<WriteReport> {
  options.signal.throwIfAborted();
  const settling = new Settling(options);
  const root = bytesOfText(dir);
  try {
    await settling.children(root, '');
    settling.settle(root, lstatSync(fsPath(root), { bigint: true }), 'dir');
  } catch (error) {
    throw localError(error, `cannot settle ${dir}`);
  }
  const { entries, bytes } = settling;
  return { files: entries.length, bytes, losses: [], lossCounts: {}, entries, via: 'unpack' };
}

class Settling {
  readonly #options: SettleOptions;
  readonly #chunk = Buffer.allocUnsafe(256 * 1024);
  readonly #links = new Map<string, string>();
  readonly entries: WrittenEntry[] = [];
  bytes = 0;
  #batch = 0;

  constructor(options: SettleOptions) {
    this.#options = options;
  }

  /** @param parent path on disk, and `below` path below the root; both bytes as latin-1 */
  async children(parent: string, below: string): Promise<void> {
    const names = readdirSync(fsPath(parent), { encoding: 'latin1' }).sort(compareBytes);
    for (const name of names) {
      this.#batch += 1;
      if (this.#batch % BATCH === 0) {
        await yieldToOthers();
        this.#options.signal.throwIfAborted();
      }
      const path = below === '' ? name : `${below}/${name}`;
      const real = `${parent}/${name}`;
      try {
        await this.#entry(real, path);
      } catch (error) {
        throw localError(error, `cannot settle ${printable(path)}`);
      }
    }
  }

  async #entry(real: string, path: string): Promise<void> {
    const stats = lstatSync(fsPath(real), { bigint: true });
    if (stats.isDirectory()) {
      // Its place in the report is before its children, what it is in the end is known after them.
      const place = this.entries.length;
      this.entries.push({ path: '', type: 'dir', mode: 0, uid: 0, gid: 0, size: 0, mtime: '0' });
      await this.children(real, path);
      this.entries[place] = this.#report(
        path,
        'dir',
        this.settle(real, lstatSync(fsPath(real), { bigint: true }), 'dir'),
      );
    } else if (stats.isSymbolicLink()) {
      const settled = this.settle(real, stats, 'symlink');
      const target = named(readlinkSync(fsPath(real), { encoding: 'latin1' }));
      this.entries.push({
        ...this.#report(path, 'symlink', settled),
        target: target.text,
        ...(target.isBytes ? { targetBytes: true } : {}),
      });
    } else if (stats.isFile()) {
      this.#file(real, path, stats);
    } else {
      throw new CtxsrcError('E_UNSAFE', `${printable(path)} is neither a file nor a directory nor a link`);
    }
  }

  #file(real: string, path: string, stats: BigIntStats): void {
    const first = stats.nlink > 1n ? this.#links.get(`${stats.dev}:${stats.ino}`) : undefined;
    if (first !== undefined) {
      const target = named(first);
      this.entries.push({
        ...this.#report(path, 'hardlink', stats),
        target: target.text,
        ...(target.isBytes ? { targetBytes: true } : {}),
      });
      return;
    }
    if (stats.nlink > 1n) this.#links.set(`${stats.dev}:${stats.ino}`, path);
    const digest = this.#hash(real);
    const settled = this.settle(real, stats, 'file');
    this.bytes += Number(stats.size);
    this.entries.push({ ...this.#report(path, 'file', settled), size: Number(stats.size), digest });
  }

  #hash(real: string): `sha256:${string}` {
    const hash = createHash('sha256');
    const fd = openSync(fsPath(real), constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
    try {
      for (let read = readSync(fd, this.#chunk); read > 0; read = readSync(fd, this.#chunk)) {
        hash.update(this.#chunk.subarray(0, read));
        this.#options.signal.throwIfAborted();
      }
    } finally {
      closeSync(fd);
    }
    return `sha256:${hash.digest('hex')}`;
  }

  /** Sets mode and times where they differ from what is asked for. */
  settle(real: string, stats: BigIntStats, type: 'file' | 'dir' | 'symlink'): Settled {
    const { modeOf, mtime, epoch } = this.#options;
    const had = Number(stats.mode & 0o7777n);
    const mode = type === 'symlink' ? had : (modeOf?.(type, had) ?? had);
    if (mode !== had) chmodSync(fsPath(real), mode);
    let time = stats.mtimeNs;
    if (mtime !== undefined) time = BigInt(mtime) * 1_000_000_000n;
    if (epoch !== undefined && time > BigInt(epoch) * 1_000_000_000n) time = BigInt(epoch) * 1_000_000_000n;
    if (time !== stats.mtimeNs) {
      const seconds = Number(time / 1_000_000_000n);
      lutimesSync(fsPath(real), seconds, seconds);
    }
    return { mode, uid: Number(stats.uid), gid: Number(stats.gid), mtimeNs: time };
  }

  #report(
    path: string,
    type: WrittenEntry['type'],
    settled: Pick<BigIntStats, 'mtimeNs'> & { mode: number | bigint; uid: number | bigint; gid: number | bigint },
  ): WrittenEntry {
    const { text, isBytes } = named(path);
    return {
      path: text,
      ...(isBytes ? { pathBytes: true } : {}),
      type,
      mode: Number(settled.mode) & 0o7777,
      uid: Number(settled.uid),
      gid: Number(settled.gid),
      size: 0,
      mtime: String(settled.mtimeNs),
    };
  }
}

interface Settled {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeNs: bigint;
}

/** A name as text where its bytes are UTF-8, else as the bytes it is. */
function named(bytes: ByteString): { text: string; isBytes: boolean } {
  return isUtf8(bytes) ? { text: textOfBytes(bytes), isBytes: false } : { text: bytes, isBytes: true };
}
