/**
 * Hashes a directory on disk: the walk, the stat cache, threads that read files, and the digest of the whole. It blocks
 * the event loop for at most some hundredths of a second at a time.
 */
import { printable } from '../../core/printable.ts';
import { type Progress, silentProgress, Task } from '../../core/progress.ts';
import { ReadBudget, type ReadLimits } from '../../core/read-limits.ts';
import { type ByteString, textOfBytes } from '../byte-string.ts';
import { EMPTY_DIGEST } from '../entry/header.ts';
import type { Modes } from '../entry/modes.ts';
import { CHANGED, type EntryRows, FIRST_ROW, GONE } from '../entry/rows.ts';
import { DiskReader, type TreeEntry, type UnseenFiles } from '../entry/tree-entry.ts';
import { fileCalls } from '../native/file-calls.ts';
import { loadNative, type Native } from '../native/native.ts';
import { FileClock } from '../stat-cache/file-clock.ts';
import { CachedReader } from '../stat-cache/reader.ts';
import { type CachedTree, StatCache } from '../stat-cache/stat-cache.ts';
import { CacheWriter } from '../stat-cache/writer.ts';
import { type TreeFilter, withoutFollowPaths } from '../walk/filter.ts';
import { Slices } from '../walk/slices.ts';
import { walkInSteps } from '../walk/walk.ts';
import { rereadChanged } from './changed-files.ts';
import { FRESH_ROOT_HEADER, HeaderDigests } from './header-digests.ts';
import { HashQueue, type ThreadsAt } from './queue.ts';
import { TreeHasher } from './tree-hasher.ts';

export interface HashTreeOptions {
  readonly filter?: TreeFilter | undefined;
  readonly modes?: Modes | undefined;
  /**
   * `sync` (default): as after BuildKit's local sync, with owners 0:0, known device numbers, and no header for the
   * root. `scan`: as files on disk.
   */
  readonly origin?: 'sync' | 'scan' | undefined;
  /** Folder of the stat cache; undefined: every file is read. */
  readonly cacheDir?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly progress?: Progress | undefined;
  /** The label of the progress, if it is not the root. */
  readonly label?: string | undefined;
  readonly limits?: ReadLimits | undefined;
  /** The amount of work from which threads are started. */
  readonly threadsAt?: ThreadsAt | undefined;
}

export interface HashedTree extends Omit<CachedTree, 'preimage'> {
  /** The text that was hashed last: the names at the top and their digests. */
  readonly preimage: string;
  /** `xattrs` if extended attributes could not be read. */
  readonly incomplete: readonly string[];
}

/** A hashed directory with what each of its entries has for a digest. */
export interface HashedEntries {
  readonly tree: HashedTree;
  /** All entries in the order of the walk, and those that are `GONE`. */
  readonly rows: readonly EntryRows[];
}

/**
 * The digest of a directory.
 * @param root absolute, resolved
 * @throws CtxsrcError `E_PERMISSION` for entries that cannot be read, `E_PATTERN`, `E_LIMIT`, `E_IO` also for a file
 * that keeps changing
 */
export async function hashTree(root: ByteString, options: HashTreeOptions = {}): Promise<HashedTree> {
  return (await hashEntries(root, options)).tree;
}

/** As `hashTree`, with the entries, which take some 200 bytes each. */
export async function hashEntries(root: ByteString, options: HashTreeOptions = {}): Promise<HashedEntries> {
  for (;;) {
    const run = new Run(root, options);
    try {
      const result = await run.result();
      // A change after the clock stepped back may look older than the run, so the whole run is repeated.
      if (!run.clock.steppedBack) return result;
    } finally {
      await run.close();
    }
  }
}

/** Rows are published to the threads in groups of this number. */
const PUBLISHED = 64;

class Run {
  readonly clock: FileClock;
  readonly #options: HashTreeOptions;
  readonly #root: ByteString;
  readonly #scan: boolean;
  readonly #filter: TreeFilter;
  readonly #task: Task;
  readonly #slices: Slices;
  readonly #budget: ReadBudget;
  readonly #cache: StatCache;
  readonly #hasher: HashQueue;
  readonly #disk: DiskReader;
  #native: { readonly calls: Native | undefined } | undefined;
  /** An entry was not in the cache. */
  #hasRead = false;
  /** The rows of this run are no longer the first rows of the cache. */
  #differs = false;
  /** Number of files that have to be read. */
  #waiting = 0;
  #hasWalked = false;
  readonly #headers: HeaderDigests;

  constructor(root: ByteString, options: HashTreeOptions) {
    const { modes = 'exact', signal } = options;
    this.#options = options;
    this.#scan = options.origin === 'scan';
    this.#headers = new HeaderDigests({ modes, scan: this.#scan }, () => this.#calls());
    this.#disk = new DiskReader(root);
    // What a cache says of names holds only while links on followed paths lead where they led.
    this.#filter = withoutFollowPaths(this.#disk, options.filter);
    this.#root = this.#disk.root;
    this.clock = new FileClock(this.#root);
    this.#cache = new StatCache(options.cacheDir, { root, variant: [this.#filter, modes, this.#scan] }, this.clock);
    this.#slices = new Slices(signal, () => {
      const { hashedBytes, hashedFiles: files } = this.#hasher;
      const isKnown = this.#hasWalked && this.#waiting > 0;
      this.#task.advance(hashedBytes, { files, ...(isKnown && { part: Math.min(1, files / this.#waiting) }) });
    });
    const { begun, device, isLocal } = this.clock;
    const task = { root: this.#root, modes, scan: this.#scan, clock: { begun, device, isLocal } };
    this.#hasher = new HashQueue(task, this.#slices, signal, options.threadsAt);
    this.#budget = new ReadBudget(options.limits, printable(textOfBytes(this.#root || '/')));
    this.#task = new Task(options.progress ?? silentProgress, 'hash', printable(options.label ?? textOfBytes(root)));
  }

  async result(): Promise<HashedEntries> {
    await this.#loadCache();
    await this.#walk();
    this.#hasWalked = true;
    const cached = this.#isCached() ? this.#cache.rows : undefined;
    const tree = cached ? (this.#cache.tree ?? (await this.#digestRows([cached]))) : await this.#hashedTree();
    this.#task.end(this.#hasRead ? 'done' : 'cached');
    const incomplete = this.#seesXattrs(tree) ? [] : ['xattrs'];
    return {
      tree: { ...tree, preimage: textOfBytes(tree.preimage), incomplete },
      rows: cached ? [cached] : this.#hasher.table.chunks,
    };
  }

  async close(): Promise<void> {
    this.#task.end('failed');
    await this.#hasher.close();
  }

  async #loadCache(): Promise<void> {
    await this.#cache.load(this.#slices);
    // Digests made without extended attributes are useless if this run can read them.
    if (this.#cache.xattrs === false && this.#calls() !== undefined) this.#cache.drop();
  }

  async #walk(): Promise<void> {
    const calls = fileCalls(this.#cache.rows === undefined ? this.#calls() : this.#native?.calls);
    const reader = new CachedReader(this.#disk, calls, {
      clock: this.clock,
      cache: this.#cache,
      // With a byte limit, the size has to be known before a file is read.
      mayLookLater: this.#options.limits?.maxBytes === undefined,
    });
    let added = 0;
    try {
      for (const entry of walkInSteps(reader, this.#filter)) {
        if (entry === undefined) added = PUBLISHED;
        else if (entry.type === 'unseen') {
          this.#takeUnseen(entry);
          added += entry.names.length;
        } else {
          this.#take(entry, reader.opened(entry.path));
          added += 1;
        }
        if (added < PUBLISHED) continue;
        added = 0;
        await this.#hasher.publish(this.#waiting);
        if (this.#slices.over) await this.#slices.pause();
      }
    } finally {
      reader.close();
    }
  }

  #takeUnseen(files: UnseenFiles): void {
    this.#hasRead = true;
    this.#differs = true;
    this.#budget.spend(files.names.length, 0);
    this.#waiting += files.names.length;
    this.#hasher.table.addUnseen(files);
  }

  /** @param fd the entry, if it is open */
  #take(entry: TreeEntry, fd: number | undefined): void {
    this.#budget.spend(1, entry.type === 'file' ? entry.size : 0);
    const expected = this.#cache.position;
    const found = this.#cache.find(entry);
    if (found === expected && !this.#differs) return;
    this.#differ(expected);
    const { table } = this.#hasher;
    const { rows } = this.#cache;
    if (found !== undefined && rows !== undefined) {
      table.copy(rows, found, rows.next(found));
      return;
    }
    this.#hasRead = true;
    if (entry.type === 'file') {
      this.#waiting += 1;
      table.add(entry);
      return;
    }
    const digest = this.#headers.digest(this.#disk, entry, fd);
    if (digest !== undefined) table.add(entry, digest);
  }

  /** From here on rows go to the table; the rows found in the cache so far come first. */
  #differ(position: number): void {
    if (this.#differs) return;
    this.#differs = true;
    const { rows } = this.#cache;
    if (rows !== undefined) this.#hasher.table.copy(rows, FIRST_ROW, position);
  }

  /** True if every entry of the tree is in the cache, and the cache has no others. */
  #isCached(): boolean {
    const { rows, position } = this.#cache;
    return !this.#differs && rows !== undefined && position === rows.end && position > FIRST_ROW;
  }

  async #hashedTree(): Promise<CachedTree> {
    this.#differ(this.#cache.position);
    this.#hasher.end();
    const kept = new CacheWriter(this.clock);
    const tree = await this.#digestRows(this.#hasher.table.chunks, kept);
    await this.#hasher.finish();
    if (this.#isIncomplete) return tree;
    const xattrs = this.#hasRead ? this.#native?.calls !== undefined : this.#cache.xattrs === true;
    await this.#cache.save(kept, tree, xattrs, this.#slices);
    return tree;
  }

  async #digestRows(chunks: readonly EntryRows[], kept?: CacheWriter): Promise<CachedTree> {
    const hasher = new TreeHasher(this.#rootHeader());
    let [entries, files, bytes] = [0, 0, 0];
    for (const rows of chunks) {
      const { end } = rows;
      for (let at = FIRST_ROW; at < end; at = rows.next(at)) {
        if (!rows.isFinal(at)) await this.#read(rows, at);
        kept?.take(rows, at);
        if (rows.state(at) === GONE) continue;
        entries += 1;
        if (rows.isDirectory(at)) hasher.enter(rows.parentLength(at), rows.name(at), rows.digest(at));
        else {
          files += 1;
          bytes += rows.size(at);
          hasher.entry(rows.parentLength(at), rows.nameAndDigest(at));
        }
        if (entries % PUBLISHED === 0 && this.#slices.over) await this.#slices.pause();
      }
    }
    return { ...(entries > 0 ? hasher : this.#empty()).finish(), entries, files, bytes };
  }

  /** Reads files up to the given row; then reads all files again that changed meanwhile. */
  async #read(rows: EntryRows, at: number): Promise<void> {
    await this.#hasher.until(rows, at);
    if (rows.state(at) !== CHANGED) return;
    await this.#hasher.finish();
    await rereadChanged(this.#hasher, this.#disk, this.#options.signal);
  }

  /** The native calls, loaded when the first entry needs them. */
  #calls(): Native | undefined {
    this.#native ??= { calls: loadNative() };
    return this.#native.calls;
  }

  /** An extended attribute could not be read. */
  get #isIncomplete(): boolean {
    return this.#headers.incomplete || this.#hasher.incomplete;
  }

  #seesXattrs(tree: CachedTree): boolean {
    if (this.#isIncomplete || process.platform === 'win32') return !this.#isIncomplete;
    // If nothing had to be read, the cache knows; an empty tree has no attributes.
    if (!this.#hasRead) return tree.entries === 0 || this.#cache.xattrs === true;
    return this.#calls() !== undefined;
  }

  #rootHeader(): string {
    if (!this.#scan) return EMPTY_DIGEST;
    return this.#headers.digest(this.#disk, this.#disk.entry('')!) ?? EMPTY_DIGEST;
  }

  #empty(): TreeHasher {
    return new TreeHasher(this.#scan ? this.#rootHeader() : FRESH_ROOT_HEADER);
  }
}
