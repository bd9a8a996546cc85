/** Reads a tree for hashing, with as few system calls as the stat cache and the types of entries allow. */
import type { ByteString } from '../byte-string.ts';
import { type DiskReader, entryOf, type LateReader, type TreeEntry } from '../entry/tree-entry.ts';
import type { DirectoryNames } from '../native/directory.ts';
import type { FileCalls } from '../native/file-calls.ts';
import type { FileClock } from './file-clock.ts';
import type { StatCache } from './stat-cache.ts';

export interface HashReaderOptions {
  readonly clock: FileClock;
  readonly cache: StatCache;
  /** Files may be stat'ed when they are read, instead of during the walk. */
  readonly mayLookLater: boolean;
}

export class CachedReader implements LateReader {
  readonly #disk: DiskReader;
  readonly #options: HashReaderOptions;
  readonly #calls: FileCalls;
  #others: ReadonlyMap<ByteString, boolean> | undefined;
  /** The last directory that was stat'ed. */
  #dir: TreeEntry | undefined;
  /** The last directory's descriptor, while it is open. */
  #open: { readonly path: ByteString; readonly fd: number } | undefined;

  constructor(disk: DiskReader, calls: FileCalls, options: HashReaderOptions) {
    this.#disk = disk;
    this.#calls = calls;
    this.#options = options;
  }

  names(path: ByteString, namesTell = false): ByteString[] {
    this.#others = undefined;
    const known = namesTell ? this.#options.cache.names(path) : undefined;
    if (known !== undefined) return known;
    const { names, others } = this.#list(path);
    if (this.#mayLookLater(path)) this.#others = others;
    return names;
  }

  get others(): ReadonlyMap<ByteString, boolean> | undefined {
    return this.#others;
  }

  entry(path: ByteString, isDirectory?: boolean): TreeEntry | undefined {
    const entry = (isDirectory === true ? this.#enter(path) : undefined) ?? this.#disk.entry(path);
    if (entry?.type === 'dir') this.#dir = entry;
    return entry;
  }

  /** The descriptor of the last directory, if it is open: until it is listed or the next one is stat'ed. */
  opened(path: ByteString): number | undefined {
    return this.#open?.path === path ? this.#open.fd : undefined;
  }

  /** Must be called at the end. */
  close(): void {
    if (this.#open !== undefined) this.#calls.close(this.#open.fd);
    this.#open = undefined;
  }

  target(path: ByteString): ByteString {
    return this.#disk.target(path);
  }

  /** Opens a directory and stats it; undefined if that fails for any reason. */
  #enter(path: ByteString): TreeEntry | undefined {
    this.close();
    try {
      const fd = this.#calls.directories?.open(this.#disk.full(path));
      if (fd === undefined) return undefined;
      this.#open = { path, fd };
      return entryOf(path, this.#calls.stat(fd));
    } catch {
      return undefined;
    }
  }

  #list(path: ByteString): DirectoryNames {
    const fd = this.opened(path);
    const { directories } = this.#calls;
    if (fd === undefined || directories === undefined) return this.#calls.names(this.#disk.full(path));
    try {
      return directories.names(fd);
    } finally {
      this.close();
    }
  }

  /** Files that are not in the cache are stat'ed when they are read, if this machine's clock sets their times. */
  #mayLookLater(path: ByteString): boolean {
    const { clock, cache, mayLookLater } = this.#options;
    if (!mayLookLater || !clock.isPlain || cache.rows !== undefined) return false;
    return path === '' || (this.#dir?.path === path && this.#dir.dev === clock.device);
  }
}
