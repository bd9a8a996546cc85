/**
 * What has been written so far, in memory. The directory that is unpacked into was empty and is nobody else's, so that
 * every question an archive raises (does it exist, is it a link, where does it lead) is answered from here: no look at
 * the disk, and nothing on it that could be swapped between look and use.
 *
 * Names, link texts and attribute values are bytes, kept as latin-1 strings.
 */
import type { Metadata } from '../../fs/write/metadata.ts';

export type LeafType = 'file' | 'symlink' | 'char' | 'block' | 'fifo';

/** Anything but a directory, with its first name. */
export interface Leaf {
  readonly kind: 'leaf';
  readonly type: LeafType;
  /** Another object once a further name has changed it: neighbours may share it. */
  meta: Metadata;
  readonly size: number;
  /** Text of a symlink; `major:minor` of a device. */
  readonly target: string;
  /** Place of a file's digest in the table of digests; -1 for what has none. */
  readonly digest: number;
  /** It could not be made (a device, for a normal user) and is on no disk. */
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
  /** What it shall have in the end; it is set last, since children change the times, and modes may forbid them. */
  meta: Metadata;
  /** Index of the last layer that wrote it or something below it. */
  layer: number;
}

export type Node = Leaf | HardLink | Directory;

/** The leaf that a name stands for. */
export function leafOf(node: Leaf | HardLink): Leaf {
  return node.kind === 'link' ? node.leaf : node;
}

/** Whether a name stands for what could not be made. */
export function isMissing(node: Node): boolean {
  return node.kind !== 'dir' && leafOf(node).missing;
}

/** The path of a child below the root, latin-1. */
export function pathIn(directory: Directory, name: string): string {
  let path = name;
  for (let dir: Directory | undefined = directory; dir?.parent !== undefined; dir = dir.parent) {
    path = `${dir.name}/${path}`;
  }
  return path;
}

/** Children in the order of their names' bytes. */
export function sortedChildren(directory: Directory): [name: string, node: Node][] {
  return [...directory.children].sort(([a], [b]) => (a < b ? -1 : 1));
}
