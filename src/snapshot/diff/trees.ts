/**
 * Compares two directory trees: both are walked in the same order at the same time, so that only the open directories
 * are kept in memory. Only what a content key covers is compared; times, which are part of an image's key, between images.
 */
import { closeSync } from 'node:fs';
import type { JobContext } from '../../contract/index.ts';
import { octal } from '../../core/format.ts';
import { failureOf, Task } from '../../core/progress.ts';
import type { ReadLimits } from '../../core/read-limits.ts';
import { bytesOfText, textOfBytes } from '../../fs/byte-string.ts';
import { fileIdentity } from '../../fs/entry/link-map.ts';
import { keptMode, type Modes } from '../../fs/entry/modes.ts';
import type { TreeEntry } from '../../fs/entry/tree-entry.ts';
import { loadNative } from '../../fs/native/native.ts';
import { Slices } from '../../fs/walk/slices.ts';
import { type ComparedSide, pathOrder } from './compared-side.ts';
import { type ComparedTree, DiskSide, openDiskSide, openFile, readFully } from './disk-side.ts';
import { isListed, ListedSide, type ListedTree, missingDigests } from './listed-side.ts';
import { bitNames, type PathAspect, type PathDifference, timeText, typeOf } from './path-difference.ts';

/** What the comparison of two trees came to. */
export interface TreeComparison {
  /** How many there are. */
  readonly differences: number;
  /** Bytes of the files of either tree. */
  readonly size: { readonly from: number; readonly to: number };
  /** Paths with another time, if both trees are of images. */
  readonly times?: number | undefined;
  /** Properties that could not be read: `xattrs`. */
  readonly incomplete: readonly string[];
  /** A likely reason for the differences, for people. */
  readonly note?: string | undefined;
}

export type ComparableTree = ComparedTree | ListedTree;

const CHUNK = 256 * 1024;

/**
 * Every difference, in the order of the walk. An undefined side is an empty tree.
 * @param options `times`: also give paths of images of which only the time differs, which else are counted
 * @throws CtxsrcError `E_PERMISSION`, `E_IO` for unreadable entries, `E_PATTERN`, `E_LIMIT`
 */
export async function* compareTrees(
  job: JobContext,
  a: ComparableTree | undefined,
  b: ComparableTree | undefined,
  { limits, times = false }: { readonly limits?: ReadLimits | undefined; readonly times?: boolean } = {},
): AsyncGenerator<PathDifference, TreeComparison> {
  const task = new Task(job.progress, 'verify', 'the files of both', { unit: 'files' });
  const open = async (tree: typeof a, other: typeof a): Promise<ComparedSide> => {
    if (!isListed(tree)) return openDiskSide(tree, job.signal, limits);
    return new ListedSide(tree, await missingDigests(job, tree, isListed(other) ? other : undefined), limits);
  };
  const comparison = new Comparison(await open(a, b), await open(b, a), times);
  const slices = new Slices(job.signal, () => task.advance(comparison.entries));
  try {
    for (const difference of comparison.run()) {
      if (difference !== undefined) yield difference;
      if (slices.over) await slices.pause();
    }
    task.end('done');
    return comparison.summary();
  } finally {
    task.end(failureOf(job.signal));
  }
}

type Aspect = Omit<PathDifference, 'path' | 'pathBytes' | 'type'>;

class Comparison {
  readonly #a: ComparedSide;
  readonly #b: ComparedSide;
  readonly #modes: Modes;
  readonly #owners: boolean;
  readonly #givesTimes: boolean;
  readonly #buffers = [Buffer.allocUnsafe(CHUNK), Buffer.allocUnsafe(CHUNK)] as const;
  /** Number of compared paths. */
  entries = 0;
  readonly #size = { from: 0, to: 0 };
  #differences = 0;
  #times = 0;
  #unseen = false;
  /** Mode bits that differ in any path; undefined after any other difference. */
  #onlyModes: number | undefined = 0;

  constructor(a: ComparedSide, b: ComparedSide, givesTimes: boolean) {
    this.#a = a;
    this.#b = b;
    this.#modes = a.modes === 'exec' || b.modes === 'exec' ? 'exec' : 'exact';
    this.#owners = a.keepsOwners && b.keepsOwners;
    this.#givesTimes = givesTimes;
  }

  /** Yields differences, and undefined after each entry and each piece of content, so that the caller can pause. */
  *run(): Generator<PathDifference | undefined> {
    const [a, b] = [this.#a, this.#b];
    let [left, right] = [yield* a.next(), yield* b.next()];
    while (left !== undefined || right !== undefined) {
      const order = pathOrder(left?.path, right?.path);
      this.entries += 1;
      if (order <= 0) this.#size.from += bytesOf(a, left!);
      if (order >= 0) this.#size.to += bytesOf(b, right!);
      if (order < 0) yield this.#differs(left!, onlyOn(left!, a, b, 'deleted', 'ignored'));
      else if (order > 0) yield this.#differs(right!, onlyOn(right!, b, a, 'added', 'unignored'));
      else {
        yield;
        if (!this.#isKnownSame(left!, right!)) yield* this.#aspects(left!, right!);
      }
      if (order <= 0) left = yield* a.next();
      if (order >= 0) right = yield* b.next();
    }
  }

  summary(): TreeComparison {
    const readsDisk = [this.#a, this.#b].some((side) => side instanceof DiskSide);
    const blind = readsDisk && loadNative() === undefined && process.platform !== 'win32';
    const bits = this.#differences > 0 && this.#modes === 'exact' ? this.#onlyModes : undefined;
    return {
      differences: this.#differences,
      size: this.#size,
      ...(this.#times === 0 ? {} : { times: this.#times }),
      incomplete: this.#unseen || blind ? ['xattrs'] : [],
      ...(bits === undefined || (bits & ~0o077) !== 0 ? {} : { note: `only ${bitNames(bits)} differs: umask?` }),
    };
  }

  /** Digests cover everything that is compared except owners. Both sides must be asked for every entry. */
  #isKnownSame(a: TreeEntry, b: TreeEntry): boolean {
    const [left, right] = [this.#a.remembered(a), this.#b.remembered(b)];
    return left !== undefined && left === right && !this.#owners;
  }

  *#aspects(a: TreeEntry, b: TreeEntry): Generator<PathDifference | undefined> {
    const type = typeOf(a);
    if (type !== typeOf(b)) {
      const bytes = { gone: bytesOf(this.#a, a), added: bytesOf(this.#b, b) };
      yield this.#differs(b, { what: 'type', from: type, to: typeOf(b), ...counted(bytes), ...this.#layer(b) });
      return;
    }
    if (type !== 'symlink') yield* this.#compareModes(a, b);
    if (this.#owners) yield* this.#compare(a, 'owner', `${a.uid}:${a.gid}`, `${b.uid}:${b.gid}`);
    if (type === 'file' && !(yield* this.#sameContent(a, b))) {
      const bytes = { gone: bytesOf(this.#a, a), added: bytesOf(this.#b, b) };
      yield this.#differs(a, { what: 'content', from: a.size, to: b.size, ...counted(bytes), ...this.#layer(b) });
    }
    if (type === 'symlink') yield* this.#compare(a, 'target', this.#a.target(a), this.#b.target(b));
    if (type === 'char' || type === 'block') yield* this.#compare(a, 'device', this.#a.device(a), this.#b.device(b));
    yield* this.#compareXattrs(a, b);
    yield* this.#compareTimes(a, b);
  }

  *#compareModes(a: TreeEntry, b: TreeEntry): Generator<PathDifference> {
    const [from, to] = [keptMode(a, this.#modes), keptMode(b, this.#modes)];
    if (from === to) return;
    const fromUmask = keptMode(a, 'exec') === keptMode(b, 'exec');
    const bits = this.#onlyModes;
    yield this.#differs(a, { what: 'mode', from: octal(from), to: octal(to), ...this.#layer(b) });
    this.#onlyModes = fromUmask && bits !== undefined ? bits | (from ^ to) : undefined;
  }

  *#compare(entry: TreeEntry, what: PathAspect, from: string, to: string): Generator<PathDifference> {
    if (from !== to) yield this.#differs(entry, { what, from, to, ...this.#layer(entry) });
  }

  *#compareXattrs(a: TreeEntry, b: TreeEntry): Generator<PathDifference> {
    const [left, right] = [this.#a.xattrs(a), this.#b.xattrs(b)];
    if (left === undefined || right === undefined) return;
    if (left.incomplete || right.incomplete) this.#unseen = true;
    const [from, to] = [left.xattrs, right.xattrs];
    if (from.size === 0 && to.size === 0) return;
    for (const name of [...new Set([...from.keys(), ...to.keys()])].sort()) {
      if (from.get(name) === to.get(name)) continue;
      const change = !from.has(name) ? '+' : to.has(name) ? '~' : '-';
      yield this.#differs(a, { what: 'xattr', by: textOfBytes(name), change, ...this.#layer(b) });
    }
  }

  /** A directory on this machine has the times of its checkout, which mean nothing. */
  *#compareTimes(a: TreeEntry, b: TreeEntry): Generator<PathDifference> {
    if (a.mtimeMs === b.mtimeMs || this.#a instanceof DiskSide || this.#b instanceof DiskSide) return;
    this.#times += 1;
    if (!this.#givesTimes) return;
    yield this.#differs(a, { what: 'time', from: timeText(a), to: timeText(b), ...this.#layer(b) });
  }

  #layer(entry: TreeEntry): { layer?: number } {
    const layer = this.#b.layer(entry);
    return layer === undefined ? {} : { layer };
  }

  /** Yields after each piece. */
  *#sameContent(a: TreeEntry, b: TreeEntry): Generator<undefined, boolean> {
    if (a.size !== b.size) return false;
    if (a.size === 0) return true;
    const [first, second] = [this.#a, this.#b];
    if (!(first instanceof DiskSide && second instanceof DiskSide)) {
      return (yield* first.digest(a)) === (yield* second.digest(b));
    }
    if (fileIdentity(a) === fileIdentity(b)) return true;
    const [left, right] = this.#buffers;
    const one = first.read(a, openFile);
    try {
      const other = second.read(b, openFile);
      try {
        for (;;) {
          const length = first.read(a, () => readFully(one, left));
          const same = second.read(b, () => readFully(other, right)) === length;
          if (!same || left.compare(right, 0, length, 0, length) !== 0) return false;
          if (length < left.length) return true;
          yield;
        }
      } finally {
        closeSync(other);
      }
    } finally {
      closeSync(one);
    }
  }

  /** @param entry of the second side, where it has the path */
  #differs(entry: TreeEntry, difference: Aspect): PathDifference {
    this.#differences += 1;
    this.#onlyModes = difference.what === 'mode' ? this.#onlyModes : undefined;
    const { path } = entry;
    const text = textOfBytes(path);
    const { what, ...given } = difference;
    const rest = { type: typeOf(entry), ...given };
    return bytesOfText(text) === path ? { what, path: text, ...rest } : { what, path, pathBytes: true, ...rest };
  }
}

function onlyOn(
  entry: TreeEntry,
  side: ComparedSide,
  other: ComparedSide,
  gone: 'added' | 'deleted',
  ignored: 'ignored' | 'unignored',
): Aspect {
  const by = other.whyIgnored(entry.path);
  const isNew = gone === 'added';
  const type = isNew ? { to: typeOf(entry) } : { from: typeOf(entry) };
  const bytes = bytesOf(side, entry);
  const layer = side.layer(entry);
  const more = {
    ...counted(isNew ? { added: bytes, gone: 0 } : { added: 0, gone: bytes }),
    ...(layer === undefined ? {} : { layer }),
  };
  return by === undefined ? { what: gone, ...type, ...more } : { what: ignored, ...type, by, ...more };
}

/** Bytes of content: none of what is no file, or another name of one. */
function bytesOf(side: ComparedSide, entry: TreeEntry): number {
  return entry.type === 'file' && !side.isLink(entry) ? entry.size : 0;
}

function counted(bytes: { added: number; gone: number }): Pick<PathDifference, 'bytes'> {
  return bytes.added === 0 && bytes.gone === 0 ? {} : { bytes };
}
