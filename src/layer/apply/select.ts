/** Applies the filter of a snapshot to the whole tree, after the last layer. */
import { renameSync, rmdirSync } from 'node:fs';
import { CtxsrcError } from '../../core/errors.ts';
import { shortenedBytes } from '../../fs/byte-string.ts';
import type { PathFilter } from '../../fs/match/path-filter.ts';
import { at } from '../../fs/write/confined.ts';
import type { LossList } from '../../fs/write/losses.ts';
import { type Directory, isMissing, type Node, pathIn } from './tree.ts';
import type { WrittenTree } from './written-tree.ts';

/**
 * Removes what the filter does not select. This happens last, because a hard link or symlink of a later layer may lead
 * to an entry that is not selected.
 * @throws CtxsrcError `E_PATH_NOT_FOUND` when there is no directory at the filter's subpath
 */
export function selectPaths(tree: WrittenTree, losses: LossList, filter: PathFilter): void {
  const top = tree.resolve(filter.subpath.split('/'), false);
  if (top === undefined) {
    throw new CtxsrcError('E_PATH_NOT_FOUND', `the image has no directory ${shortenedBytes(filter.subpath)}`, {
      hint: 'subpath names a directory of the image',
    });
  }
  prune(tree, top, '', filter);
  const prefix = top.parent === undefined ? '' : `${pathIn(top.parent, top.name)}/`;
  losses.choose((path) => {
    const place = path.startsWith(prefix) ? path.slice(prefix.length) : undefined;
    return place !== undefined && exists(top, place) ? place : undefined;
  });
  if (top !== tree.root) hoist(tree, top);
}

/** @returns true if anything is left in the directory */
function prune(tree: WrittenTree, directory: Directory, path: string, filter: PathFilter): boolean {
  for (const [name, node] of directory.children) {
    const place = path === '' ? name : `${path}/${name}`;
    const kept = node.kind === 'dir' && prune(tree, node, place, filter);
    if (!kept && !filter.wants(place)) tree.remove(directory, name, node);
  }
  return directory.children.size > 0;
}

function exists(top: Directory, path: string): boolean {
  let node: Node | undefined = top;
  for (const name of path.split('/')) node = node?.kind === 'dir' ? node.children.get(name) : undefined;
  return node !== undefined;
}

/** Makes a directory the root: its children move up, everything else is removed. */
function hoist(tree: WrittenTree, top: Directory): void {
  const chain = [top];
  for (let dir = top.parent; dir?.parent !== undefined; dir = dir.parent) chain.unshift(dir);
  let above = tree.root;
  for (const dir of chain) {
    for (const [name, node] of above.children) if (node !== dir) tree.remove(above, name, node);
    above = dir;
  }
  const first = chain[0]!;
  // A child may have the same name as its parent, which is removed last.
  let aside = '.ctxsrc-subpath';
  while (top.children.has(aside)) aside += '-';
  const from = tree.handle(top);
  for (const [name, node] of top.children) {
    if (node.kind === 'dir') tree.closeHandles(node);
    if (!isMissing(node)) renameSync(at(from, name), at(tree.rootHandle, name === first.name ? aside : name));
  }
  for (const dir of chain.toReversed()) {
    tree.closeHandle(dir);
    rmdirSync(at(tree.handle(dir.parent!), dir.name));
  }
  tree.root.children.clear();
  for (const [name, node] of top.children) {
    if (name === first.name && !isMissing(node)) renameSync(at(tree.rootHandle, aside), at(tree.rootHandle, name));
    if (node.kind === 'dir') node.parent = tree.root;
    tree.root.children.set(name, node);
  }
}
