/**
 * What layers mean, in memory and as plainly as possible: the oracle of the fuzzer. Written from the rules (image-spec
 * layer.md and containerd's way to apply it), not from the applier; it knows nothing of files or archives.
 */

export interface ModelEntry {
  /** As in the archive. */
  readonly name: string;
  readonly type: 'file' | 'dir' | 'symlink' | 'hardlink' | 'char' | 'fifo';
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Nanoseconds. */
  readonly mtime: bigint;
  readonly content: string;
  readonly link: string;
}

/** One inode. A directory holds its names; anything else may have several names. */
export interface Inode {
  type: 'file' | 'dir' | 'symlink' | 'char' | 'fifo';
  mode: number;
  uid: number;
  gid: number;
  mtime: bigint;
  content: string;
  link: string;
  names: Map<string, Inode>;
}

/** The archive is to be refused. */
export class Refused extends Error {}

export class LayerModel {
  readonly root: Inode;
  /** Real paths that the present layer wrote, those above them included. */
  #upper = new Set<string>();

  readonly #owner: { readonly uid: number; readonly gid: number };

  /** @param owner who gets the directories that nobody declares */
  constructor(owner: { readonly uid: number; readonly gid: number }) {
    this.#owner = owner;
    this.root = this.#undeclared();
  }

  apply(layer: readonly ModelEntry[]): void {
    this.#upper = new Set();
    for (const entry of layer) this.#entry(entry);
  }

  #entry(entry: ModelEntry): void {
    // `..` in an entry's name is taken as text and ends at the root.
    const path: string[] = [];
    for (const part of entry.name.split('/')) {
      if (part === '..') path.pop();
      else if (part !== '' && part !== '.') path.push(part);
    }
    const base = path.at(-1);
    if (base === undefined) return;
    const top = path[0]!;
    if (top.startsWith('.wh..wh.') && !(path.length === 1 && base === '.wh..wh..opq')) return;
    const parent = this.#walk(path.slice(0, -1));
    this.#makeDirectories(parent);
    if (base === '.wh..wh..opq') this.#opaque(parent);
    else if (base.startsWith('.wh.')) this.#whiteout(parent, base.slice(4));
    else this.#create([...parent, base], entry);
  }

  #create(path: readonly string[], entry: ModelEntry): void {
    const names = this.#at(path.slice(0, -1))!.names;
    const base = path.at(-1)!;
    const old = names.get(base);
    const { type, mode, uid, gid, content, link } = entry;
    // containerd's bounds.
    const mtime = entry.mtime < 0n || entry.mtime > 2n ** 63n - 1n ? 0n : entry.mtime;
    if (type === 'dir' && old?.type === 'dir') {
      Object.assign(old, { mode, uid, gid, mtime });
    } else if (type === 'hardlink') {
      const target = this.#linkTarget(link, path);
      Object.assign(target, { uid, gid, mtime, ...(target.type === 'symlink' ? {} : { mode }) });
      names.set(base, target);
    } else {
      const isLink = type === 'symlink';
      const inode: Inode = { type, mode: isLink ? 0o777 : mode, uid, gid, mtime, content, link, names: new Map() };
      names.set(base, inode);
    }
    this.#mark(path);
  }

  #linkTarget(link: string, path: readonly string[]): Inode {
    const parts = link.split('/').filter((part) => part !== '' && part !== '.');
    const base = parts.pop();
    if (base === undefined) throw new Refused('a hard link to the root');
    const parent = this.#walk(parts, true);
    const targetPath = [...parent, base];
    const target = this.#at(parent)?.names.get(base);
    if (target === undefined || target.type === 'dir') throw new Refused('a hard link to nothing or to a directory');
    // What is at the new name goes first, and must not take the target with it.
    if (path.every((part, i) => part === targetPath[i])) throw new Refused('a hard link to what it replaces');
    return target;
  }

  #whiteout(parent: readonly string[], name: string): void {
    if (name === '' || name === '.' || name === '..') throw new Refused('a whiteout of no file');
    this.#at(parent)!.names.delete(name);
  }

  /** Keeps what this layer wrote in the directory, and the directories on the way to it. */
  #opaque(dir: readonly string[]): void {
    const { names } = this.#at(dir)!;
    for (const [name, inode] of [...names]) {
      const path = [...dir, name];
      if (!this.#upper.has(path.join('/'))) names.delete(name);
      else if (inode.type === 'dir') this.#opaque(path);
    }
  }

  /** The real path of a directory; what does not exist is as it is written, unless it must. */
  #walk(parts: readonly string[], mustExist = false): string[] {
    const todo = [...parts];
    const real: string[] = [];
    let links = 0;
    while (todo.length > 0) {
      const part = todo.shift()!;
      if (part === '' || part === '.') continue;
      if (part === '..') {
        real.pop();
        continue;
      }
      const inode = this.#at([...real, part]);
      if (inode === undefined && mustExist) throw new Refused('not there');
      if (inode?.type === 'symlink') {
        links += 1;
        if (links > 255) throw new Refused('too many links');
        if (inode.link.startsWith('/')) real.length = 0;
        todo.unshift(...inode.link.split('/'));
      } else if (inode !== undefined && inode.type !== 'dir') {
        throw new Refused('below what is no directory');
      } else {
        real.push(part);
      }
    }
    return real;
  }

  #makeDirectories(path: readonly string[]): void {
    path.forEach((part, i) => {
      const { names } = this.#at(path.slice(0, i))!;
      if (names.has(part)) return;
      names.set(part, this.#undeclared());
      this.#mark(path.slice(0, i + 1));
    });
  }

  #mark(path: readonly string[]): void {
    path.forEach((_, i) => {
      this.#upper.add(path.slice(0, i + 1).join('/'));
    });
  }

  /** The inode at a real path. */
  #at(path: readonly string[]): Inode | undefined {
    let inode: Inode | undefined = this.root;
    for (const part of path) inode = inode?.type === 'dir' ? inode.names.get(part) : undefined;
    return inode;
  }

  #undeclared(): Inode {
    return { type: 'dir', mode: 0o755, ...this.#owner, mtime: 0n, content: '', link: '', names: new Map() };
  }
}
