/** The entries of a tree, in the order of a snapshot's. */
import type { Entry } from '../../contract/entry.ts';
import {
  type EntryTree,
  type Inode,
  LowerLayersNeeded,
  type TreeDirectory,
  type TreeLeaf,
  type TreeNode,
  UNDECLARED,
} from './entry-tree.ts';

/** An entry, and which layer wrote it. */
export interface ListedEntry extends Entry {
  /** The number of the layer, the base being 1; absent without layers. */
  readonly layer?: number | undefined;
}

/**
 * What is in a directory, with paths from the root: a directory before its content, names in the order of their bytes.
 * @throws LowerLayersNeeded
 */
export function listDirectory(tree: EntryTree, directory: TreeDirectory, recursive: boolean): ListedEntry[] {
  if (tree.isUncertain) throw new LowerLayersNeeded();
  const firsts = firstPaths(tree);
  const list: ListedEntry[] = [];
  const walk = (dir: TreeDirectory, prefix: string): void => {
    for (const [name, node] of childrenOf(dir)) {
      const path = prefix + name;
      list.push(entryOf(node, path, firsts));
      if (node.kind === 'dir' && recursive) walk(node, `${path}/`);
    }
  };
  walk(directory, prefixOf(directory));
  return list;
}

/** One entry. Which of several names is the file's and which are links to it is known only of a complete tree. */
export function listOne(tree: EntryTree, node: TreeLeaf | TreeDirectory, path: string): ListedEntry {
  const isComplete = tree.root.complete && node.kind === 'leaf' && node.inode.names > 1;
  return entryOf(node, path, isComplete ? firstPaths(tree) : new Map());
}

function entryOf(node: TreeLeaf | TreeDirectory, path: string, firsts: ReadonlyMap<Inode, string>): ListedEntry {
  if (node.kind === 'dir') {
    if (node.meta === undefined) throw new LowerLayersNeeded();
    return {
      ...(node.parent === undefined ? UNDECLARED : node.meta),
      path,
      type: 'dir',
      size: 0,
      ...layerOf(node.declared),
    };
  }
  const { type, meta, size, target, digest } = node.inode;
  const first = firsts.get(node.inode);
  const shared = { ...meta, path, size, ...layerOf(node.layer) };
  if (first !== undefined && first !== path) return { ...shared, type: 'hardlink', target: first };
  return { ...shared, type, target, digest };
}

function layerOf(layer: number | undefined): { layer?: number } {
  return layer === undefined ? {} : { layer: layer + 1 };
}

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
