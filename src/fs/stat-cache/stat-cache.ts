/**
 * The stat cache: digests of entries by what `lstat` says about them, so that an unchanged tree is not read again. A
 * directory that is as it was has the names that it had, and is not even listed.
 *
 * It must never give a wrong digest, so it trusts only what cannot have changed unseen:
 * - An entry is taken from it only if its mtime and ctime were clearly older than the moment the run began that wrote it.
 *   A later change in the same tick of the clock would leave the same times behind; one that is older than the slack
 *   cannot (git's "racily clean" entries). Times in the future (a clock that was stepped back) are therefore never taken.
 * - A cache written in what is now the future is ignored as a whole: the clock was stepped back since, and moments that
 *   it vouched for are lived through again.
 * - ctime, inode and device are compared beside size, mtime and mode: a copied, restored or moved tree has others.
 * - It belongs to a machine and to the time since it was booted, so that a store that is carried elsewhere, or a clock that
 *   starts anew, brings nothing along.
 * - Names are taken from it only on file systems where each change of a directory's names changes its times too.
 * - A damaged file does not match its own checksum and is ignored.
 * Of two writers at once the last one wins, and both are right.
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

/** What the digests depend on beside the entries themselves; each combination has a file of its own. */
export interface StatCacheSubject {
  /** The directory, resolved. */
  readonly root: ByteString;
  /** Everything else, for instance filter and modes, JSON-safe. */
  readonly variant: unknown;
}

/** What all digests together came to. */
export interface CachedTree {
  readonly digest: string;
  /** One character a byte. */
  readonly preimage: ByteString;
  readonly entries: number;
  readonly files: number;
  readonly bytes: number;
}

interface Facts {
  readonly format: string;
  readonly machine: string;
  /** Clock of the run that wrote it, ms since the epoch. */
  readonly begun: number;
  /** Extended attributes were seen when it was written. */
  readonly xattrs: boolean;
  /** Absent where the preimage is long: the rows give it again. */
  readonly tree?: CachedTree | undefined;
}

const FORMAT = 'ctxsrc-stat-cache-2';
const LONG_PREIMAGE = 1 << 16;

/** One tree's cache during one run: ask for each entry in the order of the walk. */
export class StatCache {
  readonly #file: string | undefined;
  readonly #clock: FileClock;
  #old: { readonly rows: EntryRows; readonly facts: Facts } | undefined;
  /** The row expected next. */
  #at = FIRST_ROW;
  /** The row that was found last. */
  #found: number | undefined;

  /** @param dir folder of the store; undefined: nothing is remembered */
  constructor(dir: string | undefined, subject: StatCacheSubject, clock: FileClock) {
    this.#clock = clock;
    if (dir === undefined) return;
    this.#file = join(dir, hash('sha256', JSON.stringify([FORMAT, subject, process.geteuid?.()]), 'hex'));
  }

  /** Reads what an earlier run has left; that it cannot be read is no error. */
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

  /** Whether the digests have seen extended attributes; undefined when there are none. */
  get xattrs(): boolean | undefined {
    return this.#old?.facts.xattrs;
  }

  /** The rows of the earlier run; undefined when there was none. */
  get rows(): EntryRows | undefined {
    return this.#old?.rows;
  }

  /** What the rows came to, if it was written down. */
  get tree(): CachedTree | undefined {
    return this.#old?.facts.tree;
  }

  /** Where the row begins that is expected next. */
  get position(): number {
    return this.#at;
  }

  /** The row of an entry that is as it was. */
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

  /** The names in the directory that was found last; undefined when they have to be listed. */
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

  /** Where the row of a path begins. Both the rows and what is asked for are in the order of the walk. */
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
   * Writes the rows of this run. That it cannot be written is no error: the next run reads the tree again.
   * @param xattrs extended attributes were seen
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

/** True when the walk comes to one path before the other: a slash counts as less than every other byte. */
function isWalkedBefore(a: ByteString, b: ByteString): boolean {
  return compareBytes(a.replaceAll('/', '\0'), b.replaceAll('/', '\0')) < 0;
}
