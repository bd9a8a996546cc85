/** A compared tree on this machine: its walk, the paths that the walk leaves out, and its remembered digests. */
import { createHash } from 'node:crypto';
import { closeSync, constants, lstatSync, openSync, readSync } from 'node:fs';
import type { FilesInPlace } from '../../contract/index.ts';
import type { Digest } from '../../core/digest.ts';
import { ioError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { ReadBudget, type ReadLimits } from '../../core/read-limits.ts';
import { type ByteString, textOfBytes } from '../../fs/byte-string.ts';
import { DiskReader, type TreeEntry } from '../../fs/entry/tree-entry.ts';
import { type ReadXattrs, readXattrs } from '../../fs/entry/xattrs.ts';
import { type RememberedDigests, rememberedDigests } from '../../fs/hash/remembered-digests.ts';
import type { Pattern } from '../../fs/match/patterns.ts';
import { loadNative, type Native } from '../../fs/native/native.ts';
import { deviceOf } from '../../fs/native/stat.ts';
import { walkInSteps } from '../../fs/walk/walk.ts';
import { type ComparedSide, pathOrder } from './compared-side.ts';

/** The location of a tree, and which part of it counts. */
export interface ComparedTree extends FilesInPlace {
  /** True if the owners on disk are those of the source. */
  readonly keepsOwners: boolean;
}

const CHUNK = 256 * 1024;

/**
 * An undefined tree is empty.
 * @throws the reason of the abort
 */
export async function openDiskSide(
  tree: ComparedTree | undefined,
  signal: AbortSignal,
  limits: ReadLimits | undefined,
): Promise<DiskSide> {
  if (tree?.statCache === undefined) return new DiskSide(tree, () => undefined, limits);
  const { root, include, exclude, follow, modes, statCache: cacheDir } = tree;
  const filter = { include, exclude, follow };
  return new DiskSide(tree, await rememberedDigests(root, { filter, modes, cacheDir, signal }), limits);
}

/** A walk, with the paths that it left out near its current position. */
export class DiskSide implements ComparedSide {
  readonly tree: ComparedTree | undefined;
  readonly #digests: RememberedDigests;
  readonly #native: Native | undefined = loadNative();
  readonly #reader: DiskReader;
  readonly #walk: Iterator<TreeEntry | undefined>;
  readonly #budget: ReadBudget;
  /** Paths that were left out since the last path that was asked for, in the order of the walk. */
  readonly #ignored = new Map<ByteString, Pattern | 'not included'>();

  constructor(tree: ComparedTree | undefined, digests: RememberedDigests, limits: ReadLimits | undefined) {
    this.tree = tree;
    this.#budget = new ReadBudget(limits, printable(textOfBytes(tree?.root ?? '')));
    this.#digests = digests;
    this.#reader = new DiskReader(tree?.root ?? '/');
    this.#walk =
      tree === undefined
        ? [][Symbol.iterator]()
        : walkInSteps(this.#reader, tree, (path, by) => void this.#ignored.set(path, by));
  }

  get modes(): ComparedTree['modes'] {
    return this.tree?.modes ?? 'exact';
  }

  get keepsOwners(): boolean {
    return this.tree?.keepsOwners === true;
  }

  *next(): Generator<undefined, TreeEntry | undefined> {
    for (;;) {
      const { value, done } = this.#walk.next();
      if (done === true) return undefined;
      if (value !== undefined) {
        this.#budget.spend(1, value.type === 'file' ? value.size : 0);
        return value;
      }
      yield;
    }
  }

  whyIgnored(path: ByteString): string | undefined {
    this.#forgetBefore(path);
    const { tree } = this;
    const by = this.#decision(path);
    if (tree === undefined || by === undefined) return undefined;
    if (lstatSync(this.#reader.full(path), { throwIfNoEntry: false }) === undefined) return undefined;
    return by === 'not included' ? 'no --include or --follow-path takes it' : tree.excludedBy(by.index);
  }

  /** The decision that left out a path or its nearest parent. */
  #decision(path: ByteString): Pattern | 'not included' | undefined {
    for (let end = path.length; end > 0; end = path.lastIndexOf('/', end - 1)) {
      const by = this.#ignored.get(path.slice(0, end));
      if (by !== undefined) return by;
    }
    return undefined;
  }

  /** Both walks only go forward: a path before this one that does not contain it is not asked for again. */
  #forgetBefore(path: ByteString): void {
    for (const earlier of this.#ignored.keys()) {
      if (pathOrder(earlier, path) >= 0) return;
      if (!path.startsWith(`${earlier}/`)) this.#ignored.delete(earlier);
    }
  }

  target(entry: TreeEntry): string {
    return textOfBytes(this.read(entry, () => this.#reader.target(entry.path)));
  }

  remembered(entry: TreeEntry): string | undefined {
    return this.#digests(entry);
  }

  device({ rdev }: TreeEntry): string {
    return deviceOf(rdev);
  }

  xattrs(entry: TreeEntry): ReadXattrs | undefined {
    const native = this.#native;
    return native === undefined ? undefined : this.read(entry, (path) => readXattrs(native, path));
  }

  *digest(entry: TreeEntry): Generator<undefined, Digest> {
    const hash = createHash('sha256');
    const buffer = Buffer.allocUnsafe(CHUNK);
    const fd = this.read(entry, openFile);
    try {
      for (;;) {
        const length = this.read(entry, () => readSync(fd, buffer));
        if (length === 0) return `sha256:${hash.digest('hex')}`;
        hash.update(buffer.subarray(0, length));
        yield;
      }
    } finally {
      closeSync(fd);
    }
  }

  layer(): undefined {
    return undefined;
  }

  isLink(): boolean {
    return false;
  }

  read<T>({ path }: TreeEntry, read: (full: string | Buffer) => T): T {
    try {
      return read(this.#reader.full(path));
    } catch (error) {
      throw ioError(error, `cannot read ${printable(textOfBytes(path))}`);
    }
  }
}

/** Opens a file, and nothing that a link leads to; a pipe does not block. */
export function openFile(path: string | Buffer): number {
  return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
}

/** Fills the buffer from where the file is read, less only at its end. */
export function readFully(fd: number, buffer: Buffer): number {
  let length = 0;
  while (length < buffer.length) {
    const read = readSync(fd, buffer, length, buffer.length - length, null);
    if (read === 0) break;
    length += read;
  }
  return length;
}
