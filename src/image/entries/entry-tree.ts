/** The tree of the entries of several layers, of which the lower ones may not be known. Texts are byte strings. */
import type { Metadata } from '../../contract/entry.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { shortenedBytes } from '../../fs/byte-string.ts';
import { pathIn } from '../../layer/apply/tree.ts';
import { checkNameLength, MAX_DEPTH, MAX_LINKS, MAX_METADATA, MAX_PATH } from '../../layer/apply/written-tree.ts';
import { archiveError } from '../../layer/tar/header.ts';
import type { Inode, TreeLeaf } from './inode.ts';

/** The answer depends on layers that were not read yet. */
export class LowerLayersNeeded extends Error {}

/** Told of each name that a file, link or device loses. @param by what took its place, if anything did */
export type OnLost = (inode: Inode, path: string, by: Inode | undefined) => void;

/** A name that a known layer removed, or whose file is in a lower layer. */
interface TreeMark {
  readonly kind: 'gone' | 'below';
  readonly layer: number | undefined;
}

export interface TreeDirectory {
  readonly kind: 'dir';
  readonly name: string;
  readonly parent: TreeDirectory | undefined;
  readonly depth: number;
  readonly children: Map<string, TreeNode>;
  /** Undefined while no known layer declares the directory: a lower one may have a link of its name. */
  meta: Metadata | undefined;
  /** Nothing in a lower layer belongs to it. */
  complete: boolean;
  /** Index of the last layer that declared it. */
  declared: number | undefined;
  /** Index of the last layer that wrote it or something below it. */
  layer: number | undefined;
}

export type TreeNode = TreeLeaf | TreeMark | TreeDirectory;

/** Links that a path may lead through, as in Linux. */
const MAX_QUERY_LINKS = 40;

export interface FoundNode {
  readonly node: TreeLeaf | TreeDirectory;
  /** From the root, links resolved. */
  readonly path: string;
}

/** Where a path ends: at something, or at a name that a directory does not have. */
export type Lookup = FoundNode | { readonly node: undefined; readonly dir: TreeDirectory; readonly missing: string };

/** Directories that nobody declares. */
export const UNDECLARED: Metadata = { mode: 0o755, uid: 0, gid: 0, mtime: 0, mtimeNs: 0, xattrs: undefined };

export class EntryTree {
  readonly root: TreeDirectory;
  /** Paths of entries, by their last component, that may lie elsewhere: a lower layer may have a link on their way. */
  readonly #floating = new Map<string, Set<string>>();
  /** Number of names made so far. */
  created = 0;
  #metadataBytes = 0;
  readonly #onLost: OnLost | undefined;

  /** @param complete false if there are lower layers that are not known */
  constructor(complete: boolean, onLost?: OnLost) {
    this.#onLost = onLost;
    const none = { name: '', parent: undefined, depth: 0, declared: undefined, layer: undefined };
    this.root = { kind: 'dir', ...none, children: new Map(), meta: UNDECLARED, complete };
  }

  /**
   * The directory to which the components lead, links followed, never out of the root. As `WrittenTree.resolve`.
   * @throws LowerLayersNeeded, CtxsrcError `E_ARCHIVE_INVALID`, `E_LIMIT`
   */
  resolve(components: readonly string[], create: boolean, layer?: number): TreeDirectory | undefined {
    const rest = components.toReversed();
    const missing: string[] = [];
    let isOpen = false;
    let dir = this.root;
    let links = 0;
    for (let name = rest.pop(); name !== undefined; name = rest.pop()) {
      if (name === '' || name === '.') continue;
      if (name === '..') {
        if (isOpen || dir.meta === undefined) throw new LowerLayersNeeded();
        if (missing.length > 0) missing.pop();
        else dir = dir.parent ?? dir;
        continue;
      }
      const child = missing.length > 0 ? undefined : dir.children.get(name);
      if (missing.length === 0) isOpen = child === undefined && !dir.complete;
      if (child?.kind === 'below') throw new LowerLayersNeeded();
      if (child?.kind === 'leaf') {
        const { type, target } = child.inode;
        if (type !== 'symlink') {
          throw archiveError(`an entry lies below ${shortenedBytes(pathIn(dir, name))}, which is no directory`);
        }
        links += 1;
        if (links > MAX_LINKS) throw archiveError('the symbolic links of a path go round in circles');
        if (target!.startsWith('/')) dir = this.root;
        rest.push(...target!.split('/').reverse());
      } else if (child?.kind === 'dir') {
        dir = child;
      } else {
        if (!create && isOpen) throw new LowerLayersNeeded();
        if (!create) return undefined;
        missing.push(name);
      }
    }
    for (const name of missing) {
      this.count(name, '', undefined);
      dir = this.mkdir(dir, name, undefined, layer);
    }
    return dir;
  }

  /** Makes a directory; without metadata, one that no layer declares. */
  mkdir(parent: TreeDirectory, name: string, meta: Metadata | undefined, layer?: number): TreeDirectory {
    const depth = parent.depth + 1;
    checkNameLength(name);
    if (depth > MAX_DEPTH) throw archiveError(`it nests more than ${MAX_DEPTH} directories`);
    if (pathIn(parent, name).length > MAX_PATH) throw archiveError('it holds a path of more than 4095 bytes');
    this.created += meta === undefined ? 1 : 0;
    // What was there before hides what lower layers have under the name.
    const complete = parent.complete || parent.children.has(name);
    const directory: TreeDirectory = {
      kind: 'dir',
      name,
      parent,
      depth,
      children: new Map(),
      meta: meta ?? (complete ? UNDECLARED : undefined),
      complete,
      declared: layer,
      layer,
    };
    this.put(parent, name, directory, layer);
    return directory;
  }

  put(parent: TreeDirectory, name: string, node: TreeNode, layer?: number): void {
    this.#noteLost(parent, name, node);
    parent.children.set(ofItsOwn(name), node);
    this.touch(parent, layer);
  }

  #noteLost(parent: TreeDirectory, name: string, by?: TreeNode): void {
    const node = parent.children.get(name);
    if (this.#onLost === undefined || node === undefined) return;
    const taker = by?.kind === 'leaf' ? by.inode : undefined;
    const walk = (one: TreeNode, path: string): void => {
      if (one.kind === 'leaf') this.#onLost!(one.inode, path, taker);
      else if (one.kind === 'dir') for (const [child, below] of one.children) walk(below, `${path}/${child}`);
    };
    walk(node, pathIn(parent, name));
  }

  /** Notes that the layer wrote the directory or something in it. */
  touch(directory: TreeDirectory, layer: number | undefined): void {
    for (let dir: TreeDirectory | undefined = directory; dir !== undefined && dir.layer !== layer; dir = dir.parent) {
      dir.layer = layer;
    }
  }

  /** Removes a name, whether it is known or in a lower layer. */
  remove(parent: TreeDirectory, name: string, layer: number | undefined): void {
    this.#noteLost(parent, name);
    if (parent.complete) parent.children.delete(name);
    else parent.children.set(name, { kind: 'gone', layer });
  }

  /** Removes what is older than a layer; directories that the layer wrote to stay. */
  removeOlder(directory: TreeDirectory, layer: number | undefined): void {
    // Directories stay that entries of this layer lie in, and where that is, is not certain.
    if (this.#floating.size > 0) this.#floating.set('', new Set());
    directory.complete = true;
    for (const [name, node] of directory.children) {
      if (node.kind === 'gone' || node.layer !== layer) {
        this.#noteLost(directory, name);
        directory.children.delete(name);
      } else if (node.kind === 'dir') this.removeOlder(node, layer);
    }
  }

  /** Notes an entry whose place is not certain. @param name of the entry; '' for all names of the directory */
  noteFloating(parent: TreeDirectory, name: string): void {
    let dir: TreeDirectory | undefined = parent;
    while (dir !== undefined && dir.meta !== undefined) dir = dir.parent;
    if (dir === undefined) return;
    const paths = this.#floating.get(name) ?? new Set();
    this.#floating.set(name, paths.add(pathIn(parent, name)));
  }

  /** Entries may lie elsewhere than they are found. */
  get isUncertain(): boolean {
    return this.#floating.size > 0;
  }

  /**
   * Follows a path from the root, never out of it.
   * @param last whether a link at its end is followed
   * @throws LowerLayersNeeded; CtxsrcError `E_LIMIT` for more than 40 links, `E_PATH_NOT_FOUND` below a file
   */
  find(components: readonly string[], last: boolean): Lookup {
    const rest = components.toReversed();
    let dir = this.root;
    let links = 0;
    for (let name = rest.pop(); name !== undefined; name = rest.pop()) {
      if (name === '' || name === '.') continue;
      if (name === '..') {
        if (dir.meta === undefined) throw new LowerLayersNeeded();
        dir = dir.parent ?? dir;
        continue;
      }
      const child = this.#child(dir, name);
      if (child === undefined) return { node: undefined, dir, missing: name };
      if (child.kind === 'dir') {
        dir = child;
        continue;
      }
      const isLast = rest.every((part) => part === '' || part === '.');
      const { type, target } = child.inode;
      if (type !== 'symlink' || (isLast && !last)) {
        if (isLast && (type === 'symlink' || rest.length === 0)) return { node: child, path: pathIn(dir, name) };
        const message = `${shortenedBytes(pathIn(dir, name))} is no directory`;
        throw new CtxsrcError('E_PATH_NOT_FOUND', message, { hint: 'leave out what comes after it' });
      }
      links += 1;
      if (links > MAX_QUERY_LINKS) {
        throw new CtxsrcError('E_LIMIT', `the path leads through more than ${MAX_QUERY_LINKS} symbolic links`, {
          hint: 'the links probably go round in circles: ctxsrc ls -l shows where each leads',
        });
      }
      if (target!.startsWith('/')) dir = this.root;
      rest.push(...target!.split('/').reverse());
    }
    return { node: dir, path: dir.parent === undefined ? '' : pathIn(dir.parent, dir.name) };
  }

  #child(dir: TreeDirectory, name: string): TreeLeaf | TreeDirectory | undefined {
    const child = dir.children.get(name);
    const isUnknown = child === undefined ? !dir.complete : child.kind === 'below';
    if (isUnknown || this.#mayBeElsewhere(dir, name)) throw new LowerLayersNeeded();
    if (child?.kind === 'leaf' || child?.kind === 'dir') return child;
    // Other entries that may lie elsewhere may have made directories, this one too.
    if (this.#floating.size > 1) throw new LowerLayersNeeded();
    return undefined;
  }

  #mayBeElsewhere(dir: TreeDirectory, name: string): boolean {
    if (this.#floating.size === 0) return false;
    if (this.#floating.has('')) return true;
    const paths = this.#floating.get(name);
    return paths !== undefined && (paths.size > 1 || !paths.has(pathIn(dir, name)));
  }

  /**
   * Counts the memory of a name.
   * @throws CtxsrcError `E_LIMIT`
   */
  count(name: string, target: string, meta: Metadata | undefined): void {
    this.#metadataBytes += name.length + target.length + 64;
    for (const [key, value] of meta?.xattrs ?? []) this.#metadataBytes += key.length + value.length;
    if (this.#metadataBytes > MAX_METADATA) {
      throw new CtxsrcError('E_LIMIT', 'the names and attributes of the image take more than 512 MiB of memory');
    }
  }
}

/** The name with memory of its own: a part of a longer text keeps all of that in memory. */
function ofItsOwn(name: string): string {
  return name.length < 13 ? name : Buffer.from(name, 'latin1').toString('latin1');
}
