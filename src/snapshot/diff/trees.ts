/**
 * Compares two directory trees: both are walked in the same order at the same time, so that only the open directories
 * are kept in memory. Only what a content key covers is compared: never times.
 */
import { closeSync, constants, openSync, readSync } from 'node:fs';
import type { FilesInPlace, JobContext } from '../../contract/index.ts';
import { failureOf, Task } from '../../core/progress.ts';
import type { ReadLimits } from '../../core/read-limits.ts';
import { type ByteString, bytesOfText, textOfBytes } from '../../fs/byte-string.ts';
import { fileIdentity } from '../../fs/entry/link-map.ts';
import type { TreeEntry } from '../../fs/entry/tree-entry.ts';
import { readXattrs } from '../../fs/entry/xattrs.ts';
import { loadNative, type Native } from '../../fs/native/native.ts';
import { deviceOf } from '../../fs/native/stat.ts';
import { Slices } from '../../fs/walk/slices.ts';
import { keptMode } from '../../fs/write/kept-mode.ts';
import { type ComparedTree, openSide, pathOrder, type Side } from './compared-side.ts';

/** The aspect of a path that differs. `ignored`: still on the disk of the second side, but filtered out there. */
type PathAspect =
  | 'added'
  | 'deleted'
  | 'ignored'
  | 'unignored'
  | 'type'
  | 'content'
  | 'mode'
  | 'owner'
  | 'target'
  | 'device'
  | 'xattr';

export interface PathDifference {
  readonly what: PathAspect;
  /** Relative; a path that is not UTF-8 is a byte string, with `pathBytes: true`. */
  readonly path: string;
  readonly pathBytes?: true;
  /** The type, octal mode, size in bytes, owner, link target or device on either side. Absent if the side lacks it. */
  readonly from?: string | number;
  readonly to?: string | number;
  /** The rule that ignores the path, or the extended attribute that differs. */
  readonly by?: string;
}

export interface TreeComparison {
  readonly differences: number;
  /** Properties that could not be read: `xattrs`. */
  readonly incomplete: readonly string[];
  /** A likely reason for the differences, for people. */
  readonly note?: string | undefined;
}

const CHUNK = 256 * 1024;

/**
 * Every difference, in the order of the walk. An undefined side is an empty tree.
 * @throws CtxsrcError `E_PERMISSION`, `E_IO` for unreadable entries, `E_PATTERN`, `E_LIMIT`
 */
export async function* compareTrees(
  job: JobContext,
  a: ComparedTree | undefined,
  b: ComparedTree | undefined,
  limits?: ReadLimits,
): AsyncGenerator<PathDifference, TreeComparison> {
  const task = new Task(job.progress, 'verify', 'the files of both', { unit: 'files' });
  const comparison = new Comparison(await openSide(a, job.signal, limits), await openSide(b, job.signal, limits));
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

class Comparison {
  readonly #a: Side;
  readonly #b: Side;
  readonly #native: Native | undefined = loadNative();
  readonly #modes: FilesInPlace['modes'];
  readonly #owners: boolean;
  readonly #buffers = [Buffer.allocUnsafe(CHUNK), Buffer.allocUnsafe(CHUNK)] as const;
  /** Number of compared paths. */
  entries = 0;
  #differences = 0;
  #unseen = false;
  /** Mode bits that differ in any path; undefined after any other difference. */
  #onlyModes: number | undefined = 0;

  constructor(a: Side, b: Side) {
    this.#a = a;
    this.#b = b;
    this.#modes = a.tree?.modes === 'exec' || b.tree?.modes === 'exec' ? 'exec' : 'exact';
    this.#owners = a.tree?.keepsOwners === true && b.tree?.keepsOwners === true;
  }

  /** Yields differences, and undefined after each entry and each piece of content, so that the caller can pause. */
  *run(): Generator<PathDifference | undefined> {
    const [a, b] = [this.#a, this.#b];
    let [left, right] = [yield* a.next(), yield* b.next()];
    while (left !== undefined || right !== undefined) {
      const order = pathOrder(left?.path, right?.path);
      this.entries += 1;
      if (order < 0) yield this.#differs(left!, onlyOn(left!, b, 'deleted', 'ignored'));
      else if (order > 0) yield this.#differs(right!, onlyOn(right!, a, 'added', 'unignored'));
      else {
        yield;
        if (!this.#isKnownSame(left!, right!)) yield* this.#aspects(left!, right!);
      }
      if (order <= 0) left = yield* a.next();
      if (order >= 0) right = yield* b.next();
    }
  }

  summary(): TreeComparison {
    const blind = this.#native === undefined && process.platform !== 'win32';
    const bits = this.#differences > 0 && this.#modes === 'exact' ? this.#onlyModes : undefined;
    return {
      differences: this.#differences,
      incomplete: this.#unseen || blind ? ['xattrs'] : [],
      ...(bits === undefined || (bits & ~0o077) !== 0
        ? {}
        : { note: `only ${bitNames(bits)} differs: umask? try --modes exec` }),
    };
  }

  /** Digests cover everything that is compared except owners. Both sides must be asked for every entry. */
  #isKnownSame(a: TreeEntry, b: TreeEntry): boolean {
    const [left, right] = [this.#a.digests(a), this.#b.digests(b)];
    return left !== undefined && left === right && !this.#owners;
  }

  *#aspects(a: TreeEntry, b: TreeEntry): Generator<PathDifference | undefined> {
    const type = typeOf(a);
    if (type !== typeOf(b)) {
      yield this.#differs(a, { what: 'type', from: type, to: typeOf(b) });
      return;
    }
    if (type !== 'symlink') yield* this.#compareModes(a, b);
    if (this.#owners) yield* this.#compare(a, 'owner', `${a.uid}:${a.gid}`, `${b.uid}:${b.gid}`);
    if (type === 'file' && !(yield* this.#sameContent(a, b))) {
      yield this.#differs(a, { what: 'content', from: a.size, to: b.size });
    }
    if (type === 'symlink') yield* this.#compare(a, 'target', this.#a.target(a), this.#b.target(b));
    if (type === 'char' || type === 'block') yield* this.#compare(a, 'device', deviceOf(a.rdev), deviceOf(b.rdev));
    if (this.#native !== undefined) yield* this.#compareXattrs(this.#native, a, b);
  }

  *#compareModes(a: TreeEntry, b: TreeEntry): Generator<PathDifference> {
    const [from, to] = [keptMode(a, this.#modes), keptMode(b, this.#modes)];
    if (from === to) return;
    const fromUmask = keptMode(a, 'exec') === keptMode(b, 'exec');
    const bits = this.#onlyModes;
    yield this.#differs(a, { what: 'mode', from: octal(from), to: octal(to) });
    this.#onlyModes = fromUmask && bits !== undefined ? bits | (from ^ to) : undefined;
  }

  *#compare(entry: TreeEntry, what: PathAspect, from: string, to: string): Generator<PathDifference> {
    if (from !== to) yield this.#differs(entry, { what, from, to });
  }

  *#compareXattrs(native: Native, a: TreeEntry, b: TreeEntry): Generator<PathDifference> {
    const [from, to] = [this.#xattrs(native, this.#a, a), this.#xattrs(native, this.#b, b)];
    if (from.size === 0 && to.size === 0) return;
    for (const name of [...new Set([...from.keys(), ...to.keys()])].sort()) {
      if (from.get(name) !== to.get(name)) yield this.#differs(a, { what: 'xattr', by: textOfBytes(name) });
    }
  }

  #xattrs(native: Native, side: Side, entry: TreeEntry): ReadonlyMap<ByteString, ByteString> {
    const { xattrs, incomplete } = side.read(entry, (path) => readXattrs(native, path));
    if (incomplete) this.#unseen = true;
    return xattrs;
  }

  /** Yields after each piece. */
  *#sameContent(a: TreeEntry, b: TreeEntry): Generator<undefined, boolean> {
    if (a.size !== b.size) return false;
    if (a.size === 0 || fileIdentity(a) === fileIdentity(b)) return true;
    const [left, right] = this.#buffers;
    const one = this.#a.read(a, openFile);
    try {
      const other = this.#b.read(b, openFile);
      try {
        for (;;) {
          const length = this.#a.read(a, () => readFully(one, left));
          const same = this.#b.read(b, () => readFully(other, right)) === length;
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

  #differs({ path }: TreeEntry, difference: Omit<PathDifference, 'path' | 'pathBytes'>): PathDifference {
    this.#differences += 1;
    this.#onlyModes = difference.what === 'mode' ? this.#onlyModes : undefined;
    const text = textOfBytes(path);
    const { what, ...rest } = difference;
    return bytesOfText(text) === path ? { what, path: text, ...rest } : { what, path, pathBytes: true, ...rest };
  }
}

function onlyOn(
  entry: TreeEntry,
  other: Side,
  gone: 'added' | 'deleted',
  ignored: 'ignored' | 'unignored',
): Omit<PathDifference, 'path' | 'pathBytes'> {
  const by = other.whyIgnored(entry.path);
  const type = gone === 'added' ? { to: typeOf(entry) } : { from: typeOf(entry) };
  return by === undefined ? { what: gone, ...type } : { what: ignored, ...type, by };
}

/** In a content key a socket counts as an empty file. */
function typeOf(entry: TreeEntry): Exclude<TreeEntry['type'], 'socket'> {
  return entry.type === 'socket' ? 'file' : entry.type;
}

function openFile(path: string | Buffer): number {
  return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
}

function readFully(fd: number, buffer: Buffer): number {
  let length = 0;
  while (length < buffer.length) {
    const read = readSync(fd, buffer, length, buffer.length - length, null);
    if (read === 0) break;
    length += read;
  }
  return length;
}

const octal = (mode: number): string => mode.toString(8).padStart(4, '0');

function bitNames(bits: number): string {
  const names = [];
  for (const [shift, who] of [
    [3, 'group'],
    [0, 'other'],
  ] as const) {
    for (const [bit, what] of [
      [4, 'read'],
      [2, 'write'],
      [1, 'execute'],
    ] as const) {
      if ((bits & (bit << shift)) !== 0) names.push(`${who}-${what}`);
    }
  }
  return names.join(', ');
}
