/**
 * Hashes a directory on disk: the walk, the stat cache, threads for what has to be read, and the digest of the whole
 * (buildkit-semantics 5). The event loop is left alone for at most some hundredths of a second at a time.
 */
import { setImmediate, setTimeout } from 'node:timers/promises';
import { CtxsrcError, ioError } from '../core/errors.ts';
import { monotonicMs } from '../core/monotonic.ts';
import { printable } from '../core/printable.ts';
import { type Progress, silentProgress, Task } from '../core/progress.ts';
import { type ByteString, textOfBytes } from './byte-string.ts';
import { EMPTY_DIGEST } from './content-tree.ts';
import { entryHeader, hexDigest } from './entry-header.ts';
import { digestFile, type FileTask } from './file-digest.ts';
import type { HashPool } from './hash-pool.ts';
import { loadNative, type Native, splitDevice } from './native.ts';
import { StatCache } from './stat-cache.ts';
import { DiskReader, type TreeEntry } from './tree-entry.ts';
import { type FinishedTree, type Slot, TreeHasher } from './tree-hasher.ts';
import { type Ignored, type TreeFilter, walkTree } from './walk.ts';
import { readXattrs } from './xattrs.ts';

/** `exact`: modes as they are. `exec`: what a checkout can keep under any umask: who may execute, nothing else. */
export type Modes = 'exact' | 'exec';

export interface HashTreeOptions {
  readonly filter?: TreeFilter | undefined;
  readonly modes?: Modes | undefined;
  /**
   * `sync` (default): as after BuildKit's local sync, owners 0:0, device numbers known, the root without a header.
   * `scan`: as files that lie on disk.
   */
  readonly origin?: 'sync' | 'scan' | undefined;
  /** Folder of the stat cache; undefined: every entry is read. */
  readonly cacheDir?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly progress?: Progress | undefined;
  /** Told of every entry, with its digest (of a directory: of its header) when that is known: not in order. */
  readonly visit?: ((entry: TreeEntry, digest: string) => void) | undefined;
  readonly ignored?: Ignored | undefined;
}

export interface HashedTree {
  /** Hex sha256 of the whole. */
  readonly digest: string;
  /** What was hashed last: the names at the top and their digests, the bytes of names as UTF-8. */
  readonly preimage: string;
  readonly entries: number;
  /** Entries that are not directories, and the bytes of regular files. */
  readonly files: number;
  readonly bytes: number;
  /** `xattrs` when extended attributes could not be seen. */
  readonly incomplete: readonly string[];
}

/** The mode that is hashed and written. */
export function keptMode(entry: { readonly type: TreeEntry['type']; readonly mode: number }, modes: Modes): number {
  if (modes === 'exact' || entry.type === 'symlink') return entry.mode;
  return entry.type === 'dir' || (entry.mode & 0o100) !== 0 ? 0o755 : 0o644;
}

/**
 * The digest of a directory.
 * @param root absolute, resolved
 * @throws CtxsrcError `E_PERMISSION` for what cannot be read, `E_PATTERN`, `E_IO` also for a file that keeps changing
 */
export async function hashTree(root: ByteString, options: HashTreeOptions = {}): Promise<HashedTree> {
  const run = new Run(root, options);
  try {
    return await run.result();
  } finally {
    await run.close();
  }
}

/** A file that has to be read. A tree may have very many of them at once: what follows from the entry is not kept. */
class Pending {
  readonly run: Run;
  readonly entry: TreeEntry;
  readonly slot: Slot;
  /** Where the stat cache keeps the digest. */
  readonly record: number | undefined;

  constructor(run: Run, entry: TreeEntry, slot: Slot, record: number | undefined) {
    this.run = run;
    this.entry = entry;
    this.slot = slot;
    this.record = record;
  }

  get path(): ByteString {
    return this.entry.path;
  }

  get file(): FileTask {
    return this.run.fileTask(this.entry);
  }
}

/** Synchronous work between two turns of the event loop. */
const SLICE_MS = 15;
/** Reading that would take longer than this is given to threads, which need about as long to start. */
const THREADS_MS = 60;
/** Rough cost of reading, for that decision alone. */
const MS_PER_FILE = 0.02;
const MS_PER_BYTE = 1 / 1_200_000;
/** Pauses before a file that changed while it was read is tried again. */
const RETRIES_MS = [0, 20, 100, 500];

class Run {
  readonly #options: HashTreeOptions;
  readonly #reader: DiskReader;
  readonly #cache: StatCache;
  readonly #modes: Modes;
  readonly #scan: boolean;
  readonly #task: Task;
  readonly #hasher: TreeHasher;
  #pending: Pending[] = [];
  #changed: Pending[] = [];
  #pool: HashPool<Pending> | undefined;
  #cost = 0;
  #native: { readonly calls: Native | undefined } | undefined;
  #incomplete = false;
  #entries = 0;
  #files = 0;
  #bytes = 0;
  #hashedBytes = 0;
  #sliceStart = monotonicMs();

  constructor(root: ByteString, options: HashTreeOptions) {
    this.#options = options;
    this.#reader = new DiskReader(root);
    this.#modes = options.modes ?? 'exact';
    this.#scan = options.origin === 'scan';
    const { filter = {} } = options;
    this.#cache = new StatCache(options.cacheDir, { root, variant: [filter, this.#modes, this.#scan] });
    // Digests made without extended attributes are of no use where these can be seen.
    if (this.#cache.xattrs === false && this.#calls() !== undefined) this.#cache.drop();
    this.#hasher = new TreeHasher(this.#rootHeader());
    this.#task = new Task(options.progress ?? silentProgress, 'hash', printable(textOfBytes(root)));
  }

  async result(): Promise<HashedTree> {
    for (const entry of walkTree(this.#reader, this.#options.filter, this.#options.ignored)) {
      this.#take(entry);
      if (monotonicMs() - this.#sliceStart <= SLICE_MS) continue;
      await this.#handOver();
      await this.#pause();
    }
    await this.#readPending();
    await this.#retryChanged();
    if (this.#pool?.incomplete) this.#incomplete = true;
    if (!this.#incomplete) this.#cache.save(this.#native?.calls !== undefined || this.#cache.xattrs === true);
    const { digest, preimage } = this.#entries > 0 ? this.#hasher.finish() : this.#emptyTree();
    this.#task.end(this.#native === undefined ? 'cached' : 'done');
    return {
      digest,
      preimage: textOfBytes(preimage),
      entries: this.#entries,
      files: this.#files,
      bytes: this.#bytes,
      incomplete: this.#seesXattrs() ? [] : ['xattrs'],
    };
  }

  async close(): Promise<void> {
    this.#task.end('failed');
    await this.#pool?.close();
  }

  async #pause(): Promise<void> {
    await setImmediate();
    this.#options.signal?.throwIfAborted();
    this.#task.advance(this.#hashedBytes);
    this.#sliceStart = monotonicMs();
  }

  /** The native calls, loaded when the first entry needs them. */
  #calls(): Native | undefined {
    this.#native ??= { calls: loadNative() };
    return this.#native.calls;
  }

  #seesXattrs(): boolean {
    if (this.#incomplete || process.platform === 'win32') return !this.#incomplete;
    // Where nothing had to be read, the cache knows; an empty tree has none to see.
    if (this.#native === undefined) return this.#entries === 0 || this.#cache.xattrs === true;
    return this.#native.calls !== undefined;
  }

  #take(entry: TreeEntry): void {
    this.#entries += 1;
    if (entry.type !== 'dir') this.#files += 1;
    if (entry.type === 'file') this.#bytes += entry.size;
    const { path } = entry;
    let digest = this.#cache.lookup(entry);
    if (digest === undefined) {
      const record = this.#cache.add(entry);
      if (entry.type === 'file') {
        this.#readLater(new Pending(this, entry, this.#hasher.file(path, ''), record));
        return;
      }
      digest = this.#headerDigest(entry);
      if (digest === undefined) return;
      this.#cache.settle(record, digest);
    }
    this.#options.visit?.(entry, digest);
    if (entry.type === 'dir') this.#hasher.directory(path, digest);
    else this.#hasher.file(path, digest);
  }

  #settle({ entry, slot, record }: Pending, digest: string): void {
    this.#hasher.settle(slot, digest);
    this.#cache.settle(record, digest);
    this.#hashedBytes += entry.size;
    this.#options.visit?.(entry, digest);
  }

  /** Digest of an entry without content; undefined when it has vanished. */
  #headerDigest(entry: TreeEntry): string | undefined {
    const path = this.#reader.full(entry.path);
    try {
      const native = this.#calls();
      const { xattrs, incomplete } = native === undefined ? UNSEEN : readXattrs(native, path);
      if (incomplete) this.#incomplete = true;
      return hexDigest(
        entryHeader({
          type: entry.type,
          mode: keptMode(entry, this.#modes),
          uid: this.#scan ? entry.uid : 0,
          gid: this.#scan ? entry.gid : 0,
          size: 0,
          target: entry.type === 'symlink' ? this.#reader.target(entry.path) : undefined,
          xattrs,
          ...(this.#scan || !isDevice(entry) ? {} : splitDevice(entry.rdev)),
        }),
      );
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw ioError(error, `cannot read ${printable(textOfBytes(entry.path))}`);
    }
  }

  /** What reading a file has to know. */
  fileTask(entry: TreeEntry): FileTask {
    const mode = keptMode(entry, this.#modes);
    const uid = this.#scan ? entry.uid : 0;
    const gid = this.#scan ? entry.gid : 0;
    const { size, ino, mtimeMs, ctimeMs } = entry;
    return { mode, uid, gid, size, ino, mtimeMs, ctimeMs };
  }

  #readLater(pending: Pending): void {
    this.#calls();
    this.#pending.push(pending);
    this.#cost += MS_PER_FILE + pending.entry.size * MS_PER_BYTE;
  }

  /** Gives what is waiting to be read to threads, if that pays; the walk goes on meanwhile. */
  async #handOver(): Promise<void> {
    if (this.#pool === undefined) {
      if (this.#cost <= THREADS_MS) return;
      const { HashPool } = await import('./hash-pool.ts');
      const data = { root: this.#reader.root, xattrs: this.#calls() !== undefined };
      this.#pool = new HashPool<Pending>(data, (item, digest) => this.#receive(item, digest), true);
    }
    for (const item of this.#pending) this.#pool.add(item);
    this.#pending = [];
    await this.#help(this.#pool, false);
  }

  /** Reads files here too: those that the threads would not begin soon, or all that they have not begun. */
  async #help(pool: HashPool<Pending>, all: boolean): Promise<void> {
    for (let batch = pool.steal(all); batch !== undefined; batch = pool.steal(all)) await this.#readHere(batch);
  }

  async #readHere(items: readonly Pending[]): Promise<void> {
    for (const item of items) {
      this.#read(item);
      if (monotonicMs() - this.#sliceStart > SLICE_MS) await this.#pause();
    }
  }

  /** Returns when everything that was waiting is read. */
  async #readPending(): Promise<void> {
    await this.#handOver();
    if (this.#pool !== undefined) {
      await this.#help(this.#pool, true);
      return this.#interruptible(this.#pool, this.#pool.finish());
    }
    const pending = this.#pending;
    this.#pending = [];
    await this.#readHere(pending);
  }

  #receive(item: Pending, digest: string | undefined): void {
    if (digest === undefined) this.#changed.push(item);
    else this.#settle(item, digest);
  }

  /** Waits for the threads; an abort ends them. */
  async #interruptible(pool: HashPool<Pending>, waiting: Promise<void>): Promise<void> {
    const { signal } = this.#options;
    const stop = (): void => void pool.close();
    signal?.addEventListener('abort', stop, { once: true });
    const ticker = setInterval(() => this.#task.advance(this.#hashedBytes), 100);
    try {
      await waiting;
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    } finally {
      clearInterval(ticker);
      signal?.removeEventListener('abort', stop);
    }
    this.#sliceStart = monotonicMs();
  }

  #read(item: Pending): void {
    try {
      const result = digestFile(this.#reader.full(item.path), item.file, this.#calls());
      if (result?.incomplete) this.#incomplete = true;
      this.#receive(item, result?.digest);
    } catch (error) {
      throw ioError(error, `cannot read ${printable(textOfBytes(item.path))}`);
    }
  }

  /** Files that changed between the walk and the end of reading them are looked at again, a few times. */
  async #retryChanged(): Promise<void> {
    for (const pause of RETRIES_MS) {
      if (this.#changed.length === 0) return;
      await setTimeout(pause, undefined, { ...(this.#options.signal && { signal: this.#options.signal }) });
      const changed = this.#changed;
      this.#changed = [];
      for (const { path, slot } of changed) {
        const entry = this.#reader.entry(path);
        if (entry === undefined) this.#hasher.settle(slot, undefined);
        else if (entry.type !== 'file') throw changing(entry);
        else this.#readLater(new Pending(this, entry, slot, undefined));
      }
      await this.#readPending();
    }
    if (this.#changed.length > 0) throw changing(this.#changed[0]!.entry);
  }

  #rootHeader(): string {
    if (!this.#scan) return EMPTY_DIGEST;
    return this.#headerDigest(this.#reader.entry('')!) ?? EMPTY_DIGEST;
  }

  /** A sync that sends nothing leaves a tree that BuildKit scans: one fresh directory. */
  #emptyTree(): FinishedTree {
    const header = { type: 'dir', mode: 0o755, uid: 0, gid: 0, size: 0 } as const;
    return new TreeHasher(this.#scan ? this.#rootHeader() : hexDigest(entryHeader(header))).finish();
  }
}

const UNSEEN = { xattrs: undefined, incomplete: false };

function isDevice(entry: TreeEntry): boolean {
  return entry.type === 'char' || entry.type === 'block';
}

function changing(entry: TreeEntry): CtxsrcError {
  return new CtxsrcError('E_IO', `${printable(textOfBytes(entry.path))} changes while it is read`, {
    hint: 'wait until nothing writes to the directory, or add the file to the ignore file',
  });
}
