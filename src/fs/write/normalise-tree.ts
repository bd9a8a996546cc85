/**
 * The last pass over a directory that another program or a source has filled: modes independent of the umask, the
 * requested times, and a report of every entry. The directory is private to the caller; no link is followed.
 */
import { createHash } from 'node:crypto';
import {
  type BigIntStats,
  closeSync,
  constants,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
} from 'node:fs';
import { setImmediate as yieldToOthers } from 'node:timers/promises';
import type { Entry, Metadata } from '../../contract/entry.ts';
import type { WriteReport } from '../../contract/ref.ts';
import { CtxsrcError, localError } from '../../core/errors.ts';
import { bytesOfText, compareBytes, fsPath, printableBytes } from '../byte-string.ts';
import { LinkMap } from '../entry/link-map.ts';
import { LossList } from './losses.ts';
import { MetadataWriter, metadataOf } from './metadata.ts';

export interface SettleOptions {
  readonly signal: AbortSignal;
  /** The wanted permission bits of a file or directory, from its current ones. Absent: unchanged. */
  readonly modeOf?: ((type: 'file' | 'dir', mode: number) => number) | undefined;
  /** Time of every entry, including the root, in seconds since the epoch. Absent: unchanged. */
  readonly mtime?: number | undefined;
  /** Later times are set to this, in seconds (SOURCE_DATE_EPOCH). */
  readonly epoch?: number | undefined;
}

/** Entries handled between two turns of the event loop. */
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
    settling.settle(root, '', lstatSync(fsPath(root), { bigint: true }), 'dir');
  } catch (error) {
    throw localError(error, `cannot settle ${dir}`);
  }
  const { entries, bytes, losses } = settling;
  return { files: entries.length, bytes, losses: losses.losses, lossCounts: losses.counts, entries, via: 'unpack' };
}

class Settling {
  readonly #options: SettleOptions;
  readonly #writer: MetadataWriter;
  readonly #chunk = Buffer.allocUnsafe(256 * 1024);
  readonly #links = new LinkMap<string>();
  readonly entries: Entry[] = [];
  readonly losses = new LossList();
  bytes = 0;
  #batch = 0;

  constructor(options: SettleOptions) {
    this.#options = options;
    // Whose the files are is left as it is.
    this.#writer = new MetadataWriter({ owner: 'current', epoch: options.epoch }, this.losses);
  }

  /** @param parent path on disk, and `below` path below the root; both byte strings */
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
        throw localError(error, `cannot settle ${printableBytes(path)}`);
      }
    }
  }

  async #entry(real: string, path: string): Promise<void> {
    const stats = lstatSync(fsPath(real), { bigint: true });
    if (stats.isDirectory()) {
      // Its row precedes those of its children, but its final state is known after them.
      const place = this.entries.length;
      this.entries.push({ ...metadataOf(stats), path, type: 'dir', size: 0 });
      await this.children(real, path);
      const settled = this.settle(real, path, lstatSync(fsPath(real), { bigint: true }), 'dir');
      this.entries[place] = { ...settled, path, type: 'dir', size: 0 };
    } else if (stats.isSymbolicLink()) {
      const settled = this.settle(real, path, stats, 'symlink');
      const target = readlinkSync(fsPath(real), { encoding: 'latin1' });
      this.entries.push({ ...settled, path, type: 'symlink', size: 0, target });
    } else if (stats.isFile()) {
      this.#file(real, path, stats);
    } else {
      throw new CtxsrcError('E_UNSAFE', `${printableBytes(path)} is neither a file nor a directory nor a link`);
    }
  }

  #file(real: string, path: string, stats: BigIntStats): void {
    const first = this.#links.firstOf(stats, path);
    if (first !== undefined) {
      this.entries.push({ ...metadataOf(stats), path, type: 'hardlink', size: 0, target: first });
      return;
    }
    const digest = this.#hash(real);
    const settled = this.settle(real, path, stats, 'file');
    this.bytes += Number(stats.size);
    this.entries.push({ ...settled, path, type: 'file', size: Number(stats.size), digest });
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

  /** Sets mode and times where they differ from what is asked for. @returns what the entry has then */
  settle(real: string, path: string, stats: BigIntStats, type: 'file' | 'dir' | 'symlink'): Metadata {
    const { modeOf, mtime } = this.#options;
    const present = metadataOf(stats);
    const meta = { ...present };
    if (type !== 'symlink' && modeOf !== undefined) meta.mode = modeOf(type, present.mode);
    if (mtime !== undefined) Object.assign(meta, { mtime, mtimeNs: 0 });
    this.#writer.finish(fsPath(real), path, type, meta, present);
    return meta;
  }
}
