/** One of two trees that are compared: its walk, what the walk leaves out, and which digests are remembered. */
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

/** Where it lies and what of it counts. */
export interface ComparedTree extends FilesInPlace {
  /** Owners on disk are those of the source. */
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

/** One of the two walks, and what it leaves out near where it is. */
export class Side {
  readonly tree: ComparedTree | undefined;
  readonly digests: RememberedDigests;
  readonly #reader: DiskReader;
  readonly #walk: Iterator<TreeEntry | undefined>;
  readonly #budget: ReadBudget;
  /** What was left out since the last entry that was asked for, in the order of the walk. */
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

  /** The next entry, undefined at the end; it yields when that takes long. */
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

  /** Why this side does not have a path that lies on its disk; undefined when it does not lie there. */
  whyIgnored(path: ByteString): string | undefined {
    this.#forgetBefore(path);
    const { tree } = this;
    const by = this.#decision(path);
    if (tree === undefined || by === undefined) return undefined;
    if (lstatSync(this.#reader.full(path), { throwIfNoEntry: false }) === undefined) return undefined;
    return by === 'not included' ? 'no --include or --follow-path takes it' : tree.excludedBy(by.index);
  }

  /** What left out a path or the nearest directory above it. */
  #decision(path: ByteString): Pattern | 'not included' | undefined {
    for (let end = path.length; end > 0; end = path.lastIndexOf('/', end - 1)) {
      const by = this.#ignored.get(path.slice(0, end));
      if (by !== undefined) return by;
    }
    return undefined;
  }

  /** Both walks go forward only: what lies before the path, and does not hold it, is never asked for again. */
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

/** Order of a walk: a directory, what is in it, then its next sibling. A side that is at its end comes last. */
export function pathOrder(a: ByteString | undefined, b: ByteString | undefined): number {
  if (a === b) return 0;
  if (a === undefined || b === undefined) return a === undefined ? 1 : -1;
  let i = 0;
  while (i < a.length && a.charCodeAt(i) === b.charCodeAt(i)) i += 1;
  return rankAt(a, i) - rankAt(b, i);
}

/** The end comes before a slash, a slash before every byte of a name. */
function rankAt(path: ByteString, index: number): number {
  if (index === path.length) return -1;
  const code = path.charCodeAt(index);
  return code === 0x2f ? 0 : code;
}
