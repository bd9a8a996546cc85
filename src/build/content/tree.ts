/** The entries of a hashed directory, found by their paths, in the order in which BuildKit keeps them. */
import { CtxsrcError } from '../../core/errors.ts';
import { cleanPath } from '../../core/go/path.ts';
import { type ByteString, printableBytes } from '../../fs/byte-string.ts';
import { EMPTY_DIGEST } from '../../fs/entry/header.ts';
import { type EntryRows, FIRST_ROW, GONE } from '../../fs/entry/rows.ts';
import type { EntryType } from '../../fs/entry/tree-entry.ts';
import { FRESH_ROOT_HEADER } from '../../fs/hash/header-digests.ts';
import { TreeHasher } from '../../fs/hash/tree-hasher.ts';

/** More links than this on the way to a path are a loop. */
const MAX_LINKS = 255;
/** Position of the root. */
const ROOT = 0;

/** Where an entry's row is. */
interface Row {
  readonly rows: EntryRows;
  readonly at: number;
}

/** Where a path leads: the path there, without links, and the entry if there is one. */
export interface Resolved {
  readonly path: ByteString;
  readonly position: number | undefined;
}

/** The text of a link, for the entry of a row. */
export type ReadTarget = (rows: EntryRows, at: number) => ByteString;

/** An absolute path, cleaned; the root is the empty string. */
export function rootedPath(path: ByteString): ByteString {
  const clean = cleanPath(`/${path}`);
  return clean === '/' ? '' : clean;
}

/**
 * Entries have positions, the root's is 0; what lies in a directory follows it. Paths begin with a slash, the root's is
 * empty.
 */
export class ContentTree {
  readonly #rootHeader: string;
  readonly #readTarget: ReadTarget;
  /** Of each entry but the root. */
  readonly #entries: Row[] = [];
  /** Digests of directories with all that is below them, in hex, as far as they were asked for. */
  readonly #whole = new Map<number, string>();

  /** @param digest of the whole, in hex */
  constructor(rows: readonly EntryRows[], digest: string, readTarget: ReadTarget) {
    for (const chunk of rows) {
      const { end } = chunk;
      for (let at = FIRST_ROW; at < end; at = chunk.next(at)) {
        if (chunk.state(at) !== GONE) this.#entries.push({ rows: chunk, at });
      }
    }
    this.#rootHeader = this.#entries.length === 0 ? FRESH_ROOT_HEADER : EMPTY_DIGEST;
    this.#readTarget = readTarget;
    this.#whole.set(ROOT, digest);
  }

  /** The number of positions. */
  get size(): number {
    return this.#entries.length + 1;
  }

  path(position: number): ByteString {
    if (position === ROOT) return '';
    const { rows, at } = this.#row(position);
    return `/${rows.path(at)}`;
  }

  type(position: number): EntryType {
    if (position === ROOT) return 'dir';
    const { rows, at } = this.#row(position);
    return rows.type(at);
  }

  /** Permission bits with setuid, setgid and sticky, as they are on disk; of the root, which is not sent, 0. */
  mode(position: number): number {
    if (position === ROOT) return 0;
    const { rows, at } = this.#row(position);
    return rows.mode(at);
  }

  /** Hex digest of the entry alone: of a directory, of its header. */
  digest(position: number): string {
    if (position === ROOT) return this.#rootHeader;
    const { rows, at } = this.#row(position);
    return rows.digest(at);
  }

  /** Hex digest of the entry with all that is below it. */
  wholeDigest(position: number): string {
    const known = this.#whole.get(position);
    if (known !== undefined) return known;
    const digest = this.type(position) === 'dir' ? this.#hashBelow(position) : this.digest(position);
    this.#whole.set(position, digest);
    return digest;
  }

  #hashBelow(position: number): string {
    const hasher = new TreeHasher(this.digest(position));
    const end = this.end(position);
    for (let below = position + 1; below < end; below += 1) {
      const { rows, at } = this.#row(below);
      if (rows.isDirectory(at)) hasher.enter(rows.parentLength(at), rows.name(at), rows.digest(at));
      else hasher.entry(rows.parentLength(at), rows.nameAndDigest(at));
    }
    return hasher.finish().digest;
  }

  /** The position behind an entry and all that is below it. */
  end(position: number): number {
    if (position === ROOT) return this.size;
    const { rows, at } = this.#row(position);
    const length = rows.pathLength(at);
    let end = position + 1;
    // What comes after a directory lies in one of its parents, whose paths are shorter.
    while (end < this.size && this.#parentLength(end) >= length) end += 1;
    return end;
  }

  #parentLength(position: number): number {
    const { rows, at } = this.#row(position);
    return rows.parentLength(at);
  }

  /** The entry with a path in which no component is a link. */
  find(path: ByteString): number | undefined {
    if (path === '') return ROOT;
    const wanted = keyOf(path);
    let [low, high] = [1, this.size];
    while (low < high) {
      const middle = (low + high) >> 1;
      const key = keyOf(this.path(middle));
      if (key === wanted) return middle;
      if (key < wanted) low = middle + 1;
      else high = middle;
    }
    return undefined;
  }

  /**
   * Follows the links in the parents of a path, and in its last component if asked. Targets stay inside the root.
   * @throws CtxsrcError `E_UNSAFE` for more than 255 links
   */
  resolve(path: ByteString, followLast: boolean): Resolved {
    const direct = this.find(path);
    if (direct !== undefined && !(followLast && this.type(direct) === 'symlink')) return { path, position: direct };
    let current: Resolved = { path: '', position: ROOT };
    const rest = path.split('/').reverse();
    let links = 0;
    for (let part = rest.pop(); part !== undefined; part = rest.pop()) {
      const next = rootedPath(`${current.path}/${part}`);
      const position = this.find(next);
      const isLink = position !== undefined && this.type(position) === 'symlink';
      if (!isLink || (rest.length === 0 && !followLast)) {
        current = { path: next, position };
        continue;
      }
      links += 1;
      if (links > MAX_LINKS) throw tooManyLinks(path);
      const target = this.target(position);
      if (target.startsWith('/')) current = { path: '', position: ROOT };
      rest.push(...target.split('/').reverse());
    }
    return current;
  }

  /** The text of a link. */
  target(position: number): ByteString {
    const { rows, at } = this.#row(position);
    return this.#readTarget(rows, at);
  }

  #row(position: number): Row {
    return this.#entries[position - 1]!;
  }
}

/** What entries are ordered by: a slash comes before every other byte. */
function keyOf(path: ByteString): ByteString {
  return path.replaceAll('/', '\0');
}

function tooManyLinks(path: ByteString): CtxsrcError {
  return new CtxsrcError('E_UNSAFE', `too many links on the way to ${printableBytes(path)}`, {
    hint: 'one of them leads back to itself: remove it',
  });
}
