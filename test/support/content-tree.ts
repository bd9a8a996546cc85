/**
 * Digests of a tree and of what paths and patterns select in it, as BuildKit's package `cache/contenthash` makes
 * them, computed from a list of records: what the hashing of `src`, which is made for speed, is held against.
 */
import { CtxsrcError } from '../../src/core/errors.ts';
import { cleanPath } from '../../src/core/go/path.ts';
import { type ByteString, compareBytes, textOfBytes } from '../../src/fs/byte-string.ts';
import { hexDigest } from '../../src/fs/entry/header.ts';

/** What is known of one path. Every directory on the way to a record needs a record of its own, except the root. */
export interface TreeRecord {
  /** The path with NUL before each component: what records are ordered by. */
  readonly key: ByteString;
  readonly kind: 'file' | 'dir' | 'symlink';
  /** Hex sha256 of the entry; of a directory, of its header. */
  readonly digest: string;
  /** Text of a symlink. */
  readonly target: ByteString | undefined;
}

/** More links than this on the way to a path are a loop. */
const MAX_LINKS = 255;

/** The key of a path that is cleaned and begins with a slash, or is empty for the root. */
export function keyOf(path: ByteString): ByteString {
  return path.replaceAll('/', '\0');
}

/** The absolute cleaned path, the root as nothing. */
export function rootedPath(path: ByteString): ByteString {
  const clean = cleanPath(`/${path}`);
  return clean === '/' ? '' : clean;
}

/** The error of a path that is not in a tree. */
export function pathNotFound(path: ByteString): CtxsrcError {
  return new CtxsrcError('E_PATH_NOT_FOUND', `${JSON.stringify(textOfBytes(path))}: not found`, {
    hint: 'ctxsrc inspect DIR shows what is taken and what is ignored',
  });
}

/** A tree of records with their digests. */
export class ContentTree {
  /** All records in key order; the first is the root. */
  readonly records: readonly TreeRecord[];
  /** Position after the last record below the one at the same position. */
  readonly #ends: Int32Array;
  /** Recursive digests of directories, by position. */
  readonly #recursive: (string | undefined)[];
  #positions: Map<ByteString, number> | undefined;

  /**
   * @param records in any order; those of a walk are in key order already
   * @param rootHeader hex digest of the root's header: of its real one for files on disk, `EMPTY_DIGEST` after a local sync
   */
  constructor(records: readonly TreeRecord[], rootHeader: string) {
    const root: TreeRecord = { key: '', kind: 'dir', digest: rootHeader, target: undefined };
    const keyed = [root, ...records];
    if (!isSorted(keyed)) keyed.sort((a, b) => compareBytes(a.key, b.key));
    this.records = keyed;
    this.#ends = subtreeEnds(keyed);
    this.#recursive = this.#digestAll();
  }

  /** Hex digest of a file or link, or the recursive one of a directory. */
  digestAt(position: number): string {
    return this.#recursive[position] ?? this.records[position]!.digest;
  }

  /** Hex digest of the whole tree. */
  get rootDigest(): string {
    return this.digestAt(0);
  }

  position(key: ByteString): number | undefined {
    this.#positions ??= new Map(this.records.map((record, position) => [record.key, position]));
    return this.#positions.get(key);
  }

  /** Recursive digests, the deepest first: what lies in a directory comes after it. */
  #digestAll(): (string | undefined)[] {
    const recursive: (string | undefined)[] = new Array(this.records.length).fill(undefined);
    for (let i = this.records.length - 1; i >= 0; i -= 1) {
      const { key, kind, digest } = this.records[i]!;
      if (kind !== 'dir') continue;
      const parts = [`\0sha256:${digest}`];
      for (let child = i + 1; child < this.#ends[i]!; child = this.#afterChild(child)) {
        parts.push(
          this.records[child]!.key.slice(key.length),
          'sha256:',
          recursive[child] ?? this.records[child]!.digest,
        );
      }
      recursive[i] = hexDigest(parts.join(''));
    }
    return recursive;
  }

  /**
   * The record that is hashed after a child. BuildKit leaves a child directory by looking for the key that ends in the
   * byte 0xff, so that names in it which begin with that byte are met once more.
   */
  #afterChild(child: number): number {
    const { key, kind } = this.records[child]!;
    if (kind !== 'dir') return child + 1;
    const limit = `${key}\0\u00ff`;
    let [low, high] = [child + 1, this.#ends[child]!];
    if (high > low && this.records[high - 1]!.key < limit) return high;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.records[middle]!.key < limit) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /**
   * Looks a path up, resolving links in its parents, and in its last component if asked; targets stay inside the root.
   * @returns where it leads, and the record there if there is one
   * @throws CtxsrcError `E_UNSAFE` for more than 255 links
   */
  resolve(path: ByteString, followLast: boolean): { key: ByteString; position: number | undefined } {
    const direct = this.position(keyOf(path));
    if (direct !== undefined && !(followLast && this.records[direct]!.kind === 'symlink')) {
      return { key: keyOf(path), position: direct };
    }
    let current = '';
    let position: number | undefined = 0;
    let rest = path;
    let links = 0;
    while (rest !== '') {
      const slash = rest.indexOf('/');
      const part = slash < 0 ? rest : rest.slice(0, slash);
      rest = slash < 0 ? '' : rest.slice(slash + 1);
      const next = rootedPath(`${current}/${part}`);
      position = this.position(keyOf(next));
      const record = position === undefined ? undefined : this.records[position]!;
      if (record?.kind !== 'symlink' || (rest === '' && !followLast)) {
        current = next;
        continue;
      }
      links += 1;
      if (links > MAX_LINKS) {
        throw new CtxsrcError('E_UNSAFE', `too many links on the way to ${JSON.stringify(textOfBytes(path))}`);
      }
      if (record.target!.startsWith('/')) current = '';
      rest = `${record.target}/${rest}`;
    }
    return { key: keyOf(current), position };
  }

  /**
   * Hex digest of what a path names: of an entry, or of a directory with all below it.
   * @throws CtxsrcError `E_PATH_NOT_FOUND`
   */
  pathDigest(path: ByteString, followLast: boolean): string {
    const rooted = rootedPath(path);
    const { position } = this.resolve(rooted, followLast);
    if (position === undefined) throw pathNotFound(rooted);
    return this.digestAt(position);
  }
}

function isSorted(records: readonly TreeRecord[]): boolean {
  for (let i = 1; i < records.length; i += 1) if (records[i - 1]!.key >= records[i]!.key) return false;
  return true;
}

function subtreeEnds(records: readonly TreeRecord[]): Int32Array {
  const ends = new Int32Array(records.length);
  const open: number[] = [];
  for (const [i, { key }] of records.entries()) {
    for (let top = open.at(-1); top !== undefined && !isBelow(key, records[top]!.key); top = open.at(-1)) {
      ends[open.pop()!] = i;
    }
    open.push(i);
  }
  for (const i of open) ends[i] = records.length;
  return ends;
}

function isBelow(key: ByteString, dir: ByteString): boolean {
  return key.length > dir.length && key.charCodeAt(dir.length) === 0 && key.startsWith(dir);
}
