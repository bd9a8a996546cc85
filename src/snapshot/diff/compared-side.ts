/** One of two trees that are compared: its walk, the paths that the walk leaves out, and its remembered digests. */
import { lstatSync } from 'node:fs';
import type { FilesInPlace } from '../../contract/index.ts';
import { ioError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { ReadBudget, type ReadLimits } from '../../core/read-limits.ts';
import { type ByteString, textOfBytes } from '../../fs/byte-string.ts';
import { DiskReader, type TreeEntry } from '../../fs/entry/tree-entry.ts';
import { type RememberedDigests, rememberedDigests } from '../../fs/hash/remembered-digests.ts';
import type { Pattern } from '../../fs/match/patterns.ts';
import { walkInSteps } from '../../fs/walk/walk.ts';

/** The location of a tree, and which part of it counts. */
export interface ComparedTree extends FilesInPlace {
  /** True if the owners on disk are those of the source. */
  readonly keepsOwners: boolean;
}

/** @throws the reason of the abort */
export async function openSide(
  tree: ComparedTree | undefined,
  signal: AbortSignal,
  limits: ReadLimits | undefined,
): Promise<Side> {
  if (tree?.statCache === undefined) return new Side(tree, () => undefined, limits);
  const { root, include, exclude, follow, modes, statCache: cacheDir } = tree;
  const filter = { include, exclude, follow };
  return new Side(tree, await rememberedDigests(root, { filter, modes, cacheDir, signal }), limits);
}

/** One of the two walks, with the paths that it left out near its current position. */
export class Side {
  readonly tree: ComparedTree | undefined;
  readonly digests: RememberedDigests;
  readonly #reader: DiskReader;
  readonly #walk: Iterator<TreeEntry | undefined>;
  readonly #budget: ReadBudget;
  /** Paths that were left out since the last path that was asked for, in the order of the walk. */
  readonly #ignored = new Map<ByteString, Pattern | 'not included'>();

  constructor(tree: ComparedTree | undefined, digests: RememberedDigests, limits: ReadLimits | undefined) {
    this.tree = tree;
    this.#budget = new ReadBudget(limits, printable(textOfBytes(tree?.root ?? '')));
    this.digests = digests;
    this.#reader = new DiskReader(tree?.root ?? '/');
    this.#walk =
      tree === undefined
        ? [][Symbol.iterator]()
        : walkInSteps(this.#reader, tree, (path, by) => void this.#ignored.set(path, by));
  }

  /** The next entry, undefined at the end; yields if that takes long. */
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

  /** Why this side lacks a path that is on its disk; undefined if the path is not on its disk. */
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

  read<T>({ path }: TreeEntry, read: (full: string | Buffer) => T): T {
    try {
      return read(this.#reader.full(path));
    } catch (error) {
      throw ioError(error, `cannot read ${printable(textOfBytes(path))}`);
    }
  }
}

/** The order of a walk: a directory, its content, then its next sibling. The end of a side comes last. */
export function pathOrder(a: ByteString | undefined, b: ByteString | undefined): number {
  if (a === b) return 0;
  if (a === undefined || b === undefined) return a === undefined ? 1 : -1;
  let i = 0;
  while (i < a.length && a.charCodeAt(i) === b.charCodeAt(i)) i += 1;
  return rankAt(a, i) - rankAt(b, i);
}

/** The end of a path sorts before a slash, and a slash before every other byte. */
function rankAt(path: ByteString, index: number): number {
  if (index === path.length) return -1;
  const code = path.charCodeAt(index);
  return code === 0x2f ? 0 : code;
}
