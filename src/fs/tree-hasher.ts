/**
 * The recursive digest of a tree (buildkit-semantics 5.3), built while the tree is walked: a directory is hashed as soon
 * as everything in it is, and what lies in it is then forgotten, so that memory does not grow with the tree.
 */
import type { ByteString } from './byte-string.ts';
import { hexDigest } from './entry-header.ts';

/** Names that begin with this byte are hashed once more by the directory above (a quirk of BuildKit's). */
const ECHOED = '\u00ff';

/** Where a digest that is still to come belongs. */
export interface Slot {
  readonly dir: OpenDirectory;
  readonly index: number;
}

/** An entry that the parent hashes again: the path from the child directory, each component after a NUL. */
interface Echo {
  readonly suffix: ByteString;
  readonly digest: string;
}

/** Hex digest of the root, and the bytes that it is the digest of. */
export interface FinishedTree {
  readonly digest: string;
  readonly preimage: ByteString;
}

export class OpenDirectory {
  readonly path: ByteString;
  readonly slot: Slot | undefined;
  readonly header: string;
  readonly names: ByteString[] = [];
  /** Hex; undefined while it is awaited or after the entry has vanished. */
  readonly digests: (string | undefined)[] = [];
  /** What child directories echo, by their index. */
  echoes: Map<number, readonly Echo[]> | undefined;
  awaited = 0;
  closed = false;

  constructor(path: ByteString, header: string, slot: Slot | undefined) {
    this.path = path;
    this.header = header;
    this.slot = slot;
  }
}

/** Takes entries in the order of a walk; digests of files may follow at any time. */
export class TreeHasher {
  /** The directories on the way to the present one. */
  readonly #open: OpenDirectory[];
  #root: FinishedTree | undefined;

  /** @param rootHeader hex digest of the root's header */
  constructor(rootHeader: string) {
    this.#open = [new OpenDirectory('', rootHeader, undefined)];
  }

  /** An entry that is no directory. With an empty digest, `settle` has to be called for the slot. */
  file(path: ByteString, digest: string): Slot {
    const slot = this.#slot(path);
    if (digest === '') slot.dir.awaited += 1;
    else slot.dir.digests[slot.index] = digest;
    return slot;
  }

  /** A directory; what lies in it follows. */
  directory(path: ByteString, header: string): void {
    const slot = this.#slot(path);
    slot.dir.awaited += 1;
    this.#open.push(new OpenDirectory(path, header, slot));
  }

  /** The digest that was awaited; undefined when the entry has vanished. */
  settle({ dir, index }: Slot, digest: string | undefined): void {
    dir.digests[index] = digest;
    dir.awaited -= 1;
    this.#finishIfDone(dir);
  }

  /** The digest of all, after the last entry and the last `settle`. */
  finish(): FinishedTree {
    this.#leaveUpTo(0);
    const root = this.#open.pop();
    if (root !== undefined) {
      root.closed = true;
      this.#finishIfDone(root);
    }
    if (this.#root === undefined) throw new Error('a digest is still awaited');
    return this.#root;
  }

  #slot(path: ByteString): Slot {
    const end = path.lastIndexOf('/');
    // Both the walk and this stack go depth first: the directory of an entry is on the stack.
    let depth = this.#open.length - 1;
    while (depth > 0 && !isDirOf(this.#open[depth]!.path, path, end)) depth -= 1;
    this.#leaveUpTo(depth);
    const dir = this.#open[depth]!;
    dir.names.push(path.slice(end + 1));
    dir.digests.push(undefined);
    return { dir, index: dir.names.length - 1 };
  }

  #leaveUpTo(depth: number): void {
    while (this.#open.length - 1 > depth) {
      const dir = this.#open.pop()!;
      dir.closed = true;
      this.#finishIfDone(dir);
    }
  }

  #finishIfDone(from: OpenDirectory): void {
    let dir = from;
    while (dir.closed && dir.awaited === 0) {
      const hashed = preimage(dir);
      const digest = hexDigest(hashed);
      if (dir.slot === undefined) {
        this.#root = { digest, preimage: hashed };
        return;
      }
      const { dir: parent, index } = dir.slot;
      const echoes = echoesOf(dir);
      if (echoes.length > 0) {
        parent.echoes ??= new Map();
        parent.echoes.set(index, echoes);
      }
      parent.digests[index] = digest;
      parent.awaited -= 1;
      dir = parent;
    }
  }
}

function isDirOf(dir: ByteString, path: ByteString, end: number): boolean {
  return dir.length === end && path.startsWith(dir);
}

function preimage({ header, names, digests, echoes }: OpenDirectory): ByteString {
  let text = `\0sha256:${header}`;
  for (let i = 0; i < names.length; i += 1) {
    if (digests[i] === undefined) continue;
    text += `\0${names[i]}sha256:${digests[i]}`;
    for (const { suffix, digest } of echoes?.get(i) ?? []) text += `\0${names[i]}${suffix}sha256:${digest}`;
  }
  return text;
}

function echoesOf({ names, digests, echoes }: OpenDirectory): Echo[] {
  const last = names.at(-1);
  if (last === undefined || !last.startsWith(ECHOED)) return [];
  return names.flatMap((name, i) => {
    const digest = digests[i];
    if (digest === undefined || !name.startsWith(ECHOED)) return [];
    const below = (echoes?.get(i) ?? []).map((echo) => ({ suffix: `\0${name}${echo.suffix}`, digest: echo.digest }));
    return [{ suffix: `\0${name}`, digest }, ...below];
  });
}
