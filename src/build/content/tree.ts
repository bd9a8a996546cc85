/** The entries of a hashed directory, found by their paths, in the order in which BuildKit keeps them. */
import { CtxsrcError } from '../../core/errors.ts';
import { cleanPath } from '../../core/go/path.ts';
import { type ByteString, isUtf8, printableBytes, textOfBytes } from '../../fs/byte-string.ts';
import { DIGEST_LENGTH, type EntryRows, FIRST_ROW, GONE } from '../../fs/entry/rows.ts';
import type { EntryType } from '../../fs/entry/tree-entry.ts';
import type { HashedEntries } from '../../fs/hash/hash-tree.ts';
import { TreeHasher } from '../../fs/hash/tree-hasher.ts';

/** More links than this on the way to a path are a loop. */
const MAX_LINKS = 255;
/** Position of the root. */
const ROOT = 0;

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
  readonly #readTarget: ReadTarget;
  /** Where the row of each entry is; the root has none. */
  readonly #rows: (EntryRows | undefined)[] = [undefined];
  readonly #at: number[] = [-1];
  /** Digests of directories with all that is below them, in hex, as far as they were asked for. */
  readonly #whole = new Map<number, string>();
  /** What the digest of the root was made of. */
  readonly #preimage: string;
  #top: ReadonlyMap<string, string> | undefined;

  constructor({ tree, rows }: HashedEntries, readTarget: ReadTarget) {
    for (const chunk of rows) {
      const { end } = chunk;
      for (let at = FIRST_ROW; at < end; at = chunk.next(at)) {
        if (chunk.state(at) === GONE) continue;
        this.#rows.push(chunk);
        this.#at.push(at);
      }
    }
    this.#readTarget = readTarget;
    this.#preimage = tree.preimage;
    this.#whole.set(ROOT, tree.digest);
  }

  /** The number of positions. */
  get size(): number {
    return this.#at.length;
  }

  path(position: number): ByteString {
    if (position === ROOT) return '';
    return `/${this.#rows[position]!.path(this.#at[position]!)}`;
  }

  type(position: number): EntryType {
    if (position === ROOT) return 'dir';
    return this.#rows[position]!.type(this.#at[position]!);
  }

  /** Permission bits with setuid, setgid and sticky, as they are on disk; not of the root, which is not sent. */
  mode(position: number): number {
    return this.#rows[position]!.mode(this.#at[position]!);
  }

  /** Hex digest of the entry alone: of a directory, of its header; not of the root. */
  digest(position: number): string {
    return this.#rows[position]!.digest(this.#at[position]!);
  }

  /** Hex digest of the entry with all that is below it. */
  wholeDigest(position: number): string {
    const known = this.#whole.get(position);
    if (known !== undefined) return known;
    if (this.type(position) !== 'dir') return this.digest(position);
    const digest = this.#topDigest(position) ?? this.#hashBelow(position);
    this.#whole.set(position, digest);
    return digest;
  }

  /** The digest of a directory in the root, which was needed for the root's. */
  #topDigest(position: number): string | undefined {
    const path = this.path(position);
    if (path.lastIndexOf('/') > 0 || !isUtf8(path)) return undefined;
    this.#top ??= digestsIn(this.#preimage);
    return this.#top.get(textOfBytes(path.slice(1)));
  }

  #hashBelow(position: number): string {
    const hasher = new TreeHasher(this.digest(position));
    const end = this.end(position);
    for (let below = position + 1; below < end; below += 1) {
      const rows = this.#rows[below]!;
      const at = this.#at[below]!;
      if (rows.isDirectory(at)) hasher.enter(rows.parentLength(at), rows.name(at), rows.digest(at));
      else hasher.entry(rows.parentLength(at), rows.nameAndDigest(at));
    }
    return hasher.finish().digest;
  }

  /** The position behind an entry and all that is below it. */
  end(position: number): number {
    if (position === ROOT) return this.size;
    let end = position + 1;
    while (end < this.size && this.liesIn(end, position)) end += 1;
    return end;
  }

  /** Whether an entry is below a directory that comes before it, if all between them are. */
  liesIn(position: number, directory: number): boolean {
    // What comes after a directory lies in one of its parents, whose paths are shorter.
    const length = this.#rows[directory]!.pathLength(this.#at[directory]!);
    return this.#rows[position]!.parentLength(this.#at[position]!) >= length;
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
    return this.#readTarget(this.#rows[position]!, this.#at[position]!);
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

/** The digests in the text that the digest of a directory is made of, by name. */
function digestsIn(preimage: string): Map<string, string> {
  const parts = preimage.split('\0');
  return new Map(
    // Before the first NUL is nothing, before the second one the header. What is hashed twice has a NUL in its path.
    parts.slice(2).flatMap((part, index) => {
      const isEntry = NAMED_DIGEST.test(part) && (index === 0 || NAMED_DIGEST.test(parts[index + 1]!));
      return isEntry ? [[part.slice(0, -DIGEST_LENGTH), part.slice(-64)] as const] : [];
    }),
  );
}

const NAMED_DIGEST = /sha256:[0-9a-f]{64}$/;
