/** Reads a tree for hashing: as little as the stat cache and the kind of an entry leave to be asked. */
import type { ByteString } from './byte-string.ts';
import type { DirectoryNames } from './directory-entries.ts';
import type { FileCalls } from './file-calls.ts';
import type { FileClock } from './file-clock.ts';
import type { StatCache } from './stat-cache.ts';
import { type DiskReader, entryOf, type TreeEntry, type TreeReader } from './tree-entry.ts';

/** A regular file, as its directory says, that nobody has looked at yet. */
export interface UnseenFile {
  readonly path: ByteString;
  readonly type: 'unseen';
}

/** A directory whose entries are being asked for. */
interface Listing {
  readonly path: ByteString;
  /** Length of the path; -1 for the root. */
  readonly length: number;
  /** Names that have to be looked at before they are read, and whether they are directories; undefined: all. */
  readonly others: ReadonlyMap<ByteString, boolean> | undefined;
}

export interface HashReaderOptions {
  readonly clock: FileClock;
  readonly cache: StatCache;
  /** The filter hides nothing of a directory but what its names decide: those that the cache has are all. */
  readonly namesTell: boolean;
}

export class HashReader implements TreeReader<TreeEntry | UnseenFile> {
  readonly #disk: DiskReader;
  readonly #options: HashReaderOptions;
  readonly #calls: FileCalls;
  readonly #listings: Listing[] = [];
  /** The directory that was looked at last. */
  #dir: TreeEntry | undefined;
  /** The same, as long as it is open. */
  #open: { readonly path: ByteString; readonly fd: number } | undefined;

  constructor(disk: DiskReader, calls: FileCalls, options: HashReaderOptions) {
    this.#disk = disk;
    this.#calls = calls;
    this.#options = options;
  }

  names(path: ByteString): ByteString[] {
    const length = path === '' ? -1 : path.length;
    this.#leaveTo(length - 1);
    const known = this.#options.namesTell ? this.#options.cache.names(path) : undefined;
    if (known !== undefined) return known;
    const { names, others } = this.#list(path);
    this.#listings.push({ path, length, others: this.#mayLookLater(path) ? others : undefined });
    return names;
  }

  entry(path: ByteString): TreeEntry | UnseenFile | undefined {
    const slash = path.lastIndexOf('/');
    this.#leaveTo(slash);
    const listing = this.#listings.at(-1);
    let entry: TreeEntry | undefined;
    if (listing?.length === slash && path.startsWith(listing.path)) {
      const { others } = listing;
      const isDirectory = others === undefined || others.size === 0 ? undefined : others.get(path.slice(slash + 1));
      if (others !== undefined && isDirectory === undefined) return { path, type: 'unseen' };
      entry = isDirectory === true ? this.#enter(path) : undefined;
    }
    entry ??= this.#disk.entry(path);
    if (entry?.type === 'dir') this.#dir = entry;
    return entry;
  }

  /** The directory that was looked at last, if it is open: until it is listed, or another one is looked at. */
  opened(path: ByteString): number | undefined {
    return this.#open?.path === path ? this.#open.fd : undefined;
  }

  /** Has to be called at the end. */
  close(): void {
    if (this.#open !== undefined) this.#calls.close(this.#open.fd);
    this.#open = undefined;
  }

  target(path: ByteString): ByteString {
    return this.#disk.target(path);
  }

  /** Opens a directory to look at it; undefined when that is not possible, for whatever reason. */
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

  /** The listings that are not on the way to the entries of a directory are over. */
  #leaveTo(length: number): void {
    while (this.#listings.length > 0 && this.#listings.at(-1)!.length > length) this.#listings.pop();
  }

  /** Files that nobody remembers are looked at when they are read: where their times are by this machine's clock. */
  #mayLookLater(path: ByteString): boolean {
    const { clock, cache } = this.#options;
    if (!clock.isPlain || cache.rows !== undefined) return false;
    return path === '' || (this.#dir?.path === path && this.#dir.dev === clock.device);
  }
}
