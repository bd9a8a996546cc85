/**
 * The tree that has been written so far, in memory. The target directory was empty and no other process uses it, so
 * this tree answers every question of an archive (does a name exist, is it a link, where does it lead) without a look
 * at the disk, where something could be swapped between look and use.
 *
 * Names, link texts and attribute values are byte strings.
 */
import type { Metadata } from '../../contract/entry.ts';

/** The range of 63 bits of nanoseconds, in seconds: containerd changes a time after it, or before 1970, to 1970. */
export const MAX_LAYER_TIME = 9_223_372_036;

export type LeafType = 'file' | 'symlink' | 'char' | 'block' | 'fifo';

/** Any entry but a directory, with its first name. */
export interface Leaf {
  readonly kind: 'leaf';
  readonly type: LeafType;
  /** Replaced by a new object when a further name changes it, because other leaves may share the old one. */
  meta: Metadata;
  readonly size: number;
  /** Text of a symlink; `major:minor` of a device. */
  readonly target: string;
  /** Index of a file's digest in the table of digests; -1 for other types. */
  readonly digest: number;
  /** True if it could not be made (a device, for a normal user), so that it is not on disk. */
  readonly missing: boolean;
  /** Index of the layer that wrote this name. */
  readonly layer: number;
}

/** A further name of a leaf. */
export interface HardLink {
  readonly kind: 'link';
  readonly leaf: Leaf;
  readonly layer: number;
}

export interface Directory {
  readonly kind: 'dir';
  readonly name: string;
  /** Undefined for the root. */
  parent: Directory | undefined;
  readonly depth: number;
  readonly children: Map<string, Node>;
  /** The final metadata. It is set last, as children change the times, and modes may make them unreachable. */
  meta: Metadata;
  /** Index of the last layer that wrote the directory or something below it. */
  layer: number;
}

export type Node = Leaf | HardLink | Directory;

/** The leaf of a name. */
export function leafOf(node: Leaf | HardLink): Leaf {
  return node.kind === 'link' ? node.leaf : node;
}

/** True if the name's leaf could not be made. */
export function isMissing(node: Node): boolean {
  return node.kind !== 'dir' && leafOf(node).missing;
}

/** A directory as far as paths need it. */
interface Placed {
  readonly name: string;
  /** Undefined for the root. */
  readonly parent: Placed | undefined;
}

/** The path of a child below the root, as a byte string. */
export function pathIn(directory: Placed, name: string): string {
  let path = name;
  for (let dir = directory; dir.parent !== undefined; dir = dir.parent) path = `${dir.name}/${path}`;
  return path;
}

/** Children in the order of their names' bytes. */
export function sortedChildren(directory: Directory): [name: string, node: Node][] {
  return [...directory.children].sort(([a], [b]) => (a < b ? -1 : 1));
}
