/** The entries of a tree, in the order of a snapshot's. */
import type { Entry, Metadata } from '../../contract/entry.ts';
import { type EntryTree, LowerLayersNeeded, type TreeDirectory, type TreeNode, UNDECLARED } from './entry-tree.ts';
import type { Inode, TreeLeaf } from './inode.ts';

/** An entry, and which layer wrote it. */
export interface ListedEntry extends Entry {
  /** The number of the layer, the base being 1; absent without layers. */
  readonly layer?: number | undefined;
}

/**
 * What is in a directory, with paths from the root: a directory before its content, names in the order of their bytes.
 * The entries are made while they are walked, for there may be many.
 * @throws LowerLayersNeeded
 */
export function listDirectory(tree: EntryTree, directory: TreeDirectory, recursive: boolean): Iterable<ListedEntry> {
  if (tree.isUncertain) throw new LowerLayersNeeded();
  checkKnown(directory, recursive);
  const firsts = firstPaths(tree);
  const prefix = prefixOf(directory);
  return { [Symbol.iterator]: () => walk(directory, prefix) };

  function* walk(dir: TreeDirectory, before: string): Generator<ListedEntry> {
    for (const [name, node] of childrenOf(dir)) {
      const path = before + name;
      yield entryOf(node, path, firsts);
      if (node.kind === 'dir' && recursive) yield* walk(node, `${path}/`);
    }
  }
}

/** @throws LowerLayersNeeded */
function checkKnown(directory: TreeDirectory, recursive: boolean): void {
  for (const [, node] of childrenOf(directory)) {
    if (node.kind !== 'dir') continue;
    metaOf(node);
    if (recursive) checkKnown(node, recursive);
  }
}

/** One entry. Which of several names is the file's and which are links to it is known only of a complete tree. */
export function listOne(tree: EntryTree, node: TreeLeaf | TreeDirectory, path: string): ListedEntry {
  const isComplete = tree.root.complete && node.kind === 'leaf' && node.inode.names > 1;
  return entryOf(node, path, isComplete ? firstPaths(tree) : new Map());
}

// Entries have their members one by one: a spread costs each object a shape of its own.
function entryOf(node: TreeLeaf | TreeDirectory, path: string, firsts: ReadonlyMap<Inode, string>): ListedEntry {
  const layer = numberOf(node.kind === 'dir' ? node.declared : node.layer);
  const { mode, uid, gid, mtime, mtimeNs, xattrs } = node.kind === 'dir' ? metaOf(node) : node.inode.meta;
  if (node.kind === 'dir') {
    return { path, type: 'dir', size: 0, mode, uid, gid, mtime, mtimeNs, xattrs, layer };
  }
  const { type, size, target, digest } = node.inode;
  const first = firsts.get(node.inode);
  const isLink = first !== undefined && first !== path;
  return {
    path,
    type: isLink ? 'hardlink' : type,
    size,
    mode,
    uid,
    gid,
    mtime,
    mtimeNs,
    xattrs,
    target: isLink ? first : target,
    digest: isLink ? undefined : digest,
    layer,
  };
}

/** @throws LowerLayersNeeded */
function metaOf({ parent, meta }: TreeDirectory): Metadata {
  if (meta === undefined) throw new LowerLayersNeeded();
  return parent === undefined ? UNDECLARED : meta;
}

const numberOf = (layer: number | undefined): number | undefined => (layer === undefined ? undefined : layer + 1);

/** The first path of each file that has several. */
function firstPaths(tree: EntryTree): Map<Inode, string> {
  const firsts = new Map<Inode, string>();
  const walk = (dir: TreeDirectory, prefix: string): void => {
    for (const [name, node] of childrenOf(dir)) {
      if (node.kind === 'dir') walk(node, `${prefix}${name}/`);
      else if (node.inode.names > 1 && !firsts.has(node.inode)) firsts.set(node.inode, prefix + name);
    }
  };
  if (tree.root.complete) walk(tree.root, '');
  return firsts;
}

/** @throws LowerLayersNeeded */
function childrenOf(dir: TreeDirectory): [string, TreeLeaf | TreeDirectory][] {
  if (!dir.complete) throw new LowerLayersNeeded();
  return [...dir.children].filter(isThere).sort(([a], [b]) => (a < b ? -1 : 1));
}

function isThere(child: [string, TreeNode]): child is [string, TreeLeaf | TreeDirectory] {
  const { kind } = child[1];
  if (kind === 'below') throw new LowerLayersNeeded();
  return kind !== 'gone';
}

function prefixOf(directory: TreeDirectory): string {
  let path = '';
  for (let dir = directory; dir.parent !== undefined; dir = dir.parent) path = `${dir.name}/${path}`;
  return path;
}
