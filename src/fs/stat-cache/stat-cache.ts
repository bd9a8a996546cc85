/**
 * The stat cache: digests of entries by their `lstat` results, so that an unchanged tree is not read again. An
 * unchanged directory has unchanged names and is not even listed.
 *
 * The cache must never give a wrong digest, so it trusts only what cannot have changed unseen:
 * - An entry is taken from it only if its mtime and ctime were clearly older than the start of the run that wrote the
 *   cache. A later change in the same tick of the clock would give the same times; a change after the slack cannot
 *   (git's "racily clean" entries). Times in the future (from a clock that was stepped back) are therefore never
 *   trusted.
 * - A cache written in what is now the future is ignored as a whole: the clock was stepped back since, and the moments
 *   that the cache vouches for come a second time.
 * - ctime, inode and device are compared beside size, mtime and mode: a copied, restored or moved tree has others.
 * - It is valid for one machine and until its next boot, so that a store carried elsewhere, or a clock that starts
 *   anew, does no harm.
 * - Names are taken from it only on file systems where each change of a directory's names changes its times.
 * - A damaged file does not match its own checksum and is ignored. Of two concurrent writers the last one wins, and
 *   both files are right.
 * Each question has one answer: `EntryRows.isSame` says whether an entry is as it was, `isSettled` (of the clock) whether
 * its times can be trusted, and the walk whether the names of a directory are all that matters.
 */
import { hash } from 'node:crypto';
import { join } from 'node:path';
import { type ByteString, compareBytes } from '../byte-string.ts';
import { DONE, type EntryRows, FIRST_ROW } from '../entry/rows.ts';
import type { TreeEntry } from '../entry/tree-entry.ts';
import type { Slices } from '../walk/slices.ts';
import { readCacheFile, writeCacheFile } from './file.ts';
import type { FileClock } from './file-clock.ts';
import { machineIdentity } from './machine-identity.ts';
import type { CacheWriter } from './writer.ts';

/** The parameters of the digests, beside the entries; each combination has a file of its own. */
export interface StatCacheSubject {
  /** The directory, resolved. */
  readonly root: ByteString;
  /** All other parameters, for instance filter and modes, JSON-safe. */
  readonly variant: unknown;
}

/** The result of hashing the whole tree. */
export interface CachedTree {
  /** Hex sha256 of the whole. */
  readonly digest: string;
  /** What was hashed last: the names at the top and their digests. */
  readonly preimage: ByteString;
  readonly entries: number;
  /** Entries that are not directories, and the bytes of regular files. */
  readonly files: number;
  readonly bytes: number;
}

interface Facts {
  readonly format: string;
  readonly machine: string;
  /** Start of the run that wrote it, in ms since the epoch. */
  readonly begun: number;
  /** Extended attributes could be read when it was written. */
  readonly xattrs: boolean;
  /** Absent if the preimage is long: it can be made from the rows. */
  readonly tree?: CachedTree | undefined;
}

const FORMAT = 'ctxsrc-stat-cache-2';
const LONG_PREIMAGE = 1 << 16;

/** The cache of one tree during one run: entries have to be asked for in the order of the walk. */
export class StatCache {
  readonly #file: string | undefined;
  readonly #clock: FileClock;
  #old: { readonly rows: EntryRows; readonly facts: Facts } | undefined;
  /** The row expected next. */
  #at = FIRST_ROW;
  /** The row found last. */
  #found: number | undefined;

  /** @param dir folder in the store; undefined: no cache */
  constructor(dir: string | undefined, subject: StatCacheSubject, clock: FileClock) {
    this.#clock = clock;
    if (dir === undefined) return;
    this.#file = join(dir, hash('sha256', JSON.stringify([FORMAT, subject, process.geteuid?.()]), 'hex'));
  }

  /** Reads the cache of an earlier run; a cache that cannot be read is no error. */
  async load(slices: Slices): Promise<void> {
    if (this.#file === undefined) return;
    const content = await readCacheFile(this.#file, slices).catch((error: NodeJS.ErrnoException) => {
      if (error.syscall === undefined) throw error;
      return undefined;
    });
    if (content === undefined) return;
    const facts = content.facts as Facts;
    if (facts.format !== FORMAT || facts.machine !== machineIdentity() || facts.begun > this.#clock.begun) return;
    this.#old = { rows: content.rows, facts };
  }

  /** Forgets what was loaded. */
  drop(): void {
    this.#old = undefined;
  }

  /** True if extended attributes could be read when the digests were made; undefined without a cache. */
  get xattrs(): boolean | undefined {
    return this.#old?.facts.xattrs;
  }

  /** The rows of the earlier run; undefined without a cache. */
  get rows(): EntryRows | undefined {
    return this.#old?.rows;
  }

  /** The result for the whole tree, if it was stored. */
  get tree(): CachedTree | undefined {
    return this.#old?.facts.tree;
  }

  /** The position of the row expected next. */
  get position(): number {
    return this.#at;
  }

  /** The row of an entry if it is unchanged. */
  find(entry: TreeEntry): number | undefined {
    this.#found = undefined;
    if (this.#old === undefined) return undefined;
    const { rows } = this.#old;
    const at = this.#row(rows, entry.path);
    if (at === undefined) return undefined;
    this.#at = rows.next(at);
    if (rows.state(at) !== DONE || !rows.isSame(at, entry)) return undefined;
    this.#found = at;
    return at;
  }

  /** The names in the directory that was found last; undefined if it has to be listed. */
  names(dir: ByteString): ByteString[] | undefined {
    const at = this.#found;
    if (this.#old === undefined || at === undefined) return undefined;
    const { rows } = this.#old;
    if (!this.#clock.isLocal || rows.device(at) !== this.#clock.device || rows.path(at) !== dir) return undefined;
    const names: ByteString[] = [];
    const first = rows.next(at);
    const end = first + rows.below(at);
    for (let child = first; child < end; child = rows.next(child) + rows.below(child)) names.push(rows.name(child));
    return names;
  }

  /** The position of a path's row. The rows, and the paths asked for, are in the order of the walk. */
  #row(rows: EntryRows, path: ByteString): number | undefined {
    while (this.#at < rows.end) {
      const next = rows.path(this.#at);
      if (next === path) return this.#at;
      if (isWalkedBefore(path, next)) return undefined;
      this.#at = rows.next(this.#at);
    }
    return undefined;
  }

  /**
   * Writes the rows of this run. A cache that cannot be written is no error: the next run reads the tree again.
   * @param xattrs extended attributes could be read
   */
  async save(rows: CacheWriter, tree: CachedTree, xattrs: boolean, slices: Slices): Promise<void> {
    if (this.#file === undefined) return;
    const facts: Facts = {
      format: FORMAT,
      machine: machineIdentity(),
      begun: this.#clock.begun,
      xattrs,
      ...(tree.preimage.length > LONG_PREIMAGE ? {} : { tree }),
    };
    try {
      await writeCacheFile(this.#file, rows.finish(), facts, slices);
    } catch (error) {
      // A store that is full or read-only costs time, not correctness.
      if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
    }
  }
}

/** True if the walk reaches one path before the other: a slash sorts before every other byte. */
function isWalkedBefore(a: ByteString, b: ByteString): boolean {
  return compareBytes(a.replaceAll('/', '\0'), b.replaceAll('/', '\0')) < 0;
}
