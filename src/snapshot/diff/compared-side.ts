/** What a comparison asks of each of two trees, and the order in which both are walked. */

import type { Digest } from '../../core/digest.ts';
import type { ByteString } from '../../fs/byte-string.ts';
import type { Modes } from '../../fs/entry/modes.ts';
import type { TreeEntry } from '../../fs/entry/tree-entry.ts';
import type { ReadXattrs } from '../../fs/entry/xattrs.ts';

/** One of two trees. Questions about an entry are about the one that was given last. */
export interface ComparedSide {
  readonly modes: Modes;
  /** True if the owners are those of the source. */
  readonly keepsOwners: boolean;
  /** The next entry, undefined at the end; yields if that takes long. */
  next(): Generator<undefined, TreeEntry | undefined>;
  /** Why this side lacks a path that is on its disk; undefined if the path is not on its disk. */
  whyIgnored(path: ByteString): string | undefined;
  /** A digest of all that a content key covers of the entry, if it is known; to be asked for every entry. */
  remembered(entry: TreeEntry): string | undefined;
  /** The text of a symbolic link. */
  target(entry: TreeEntry): string;
  /** `major:minor` of a device. */
  device(entry: TreeEntry): string;
  /** Undefined where attributes cannot be read. */
  xattrs(entry: TreeEntry): ReadXattrs | undefined;
  /** The digest of a file's content; yields after each piece. */
  digest(entry: TreeEntry): Generator<undefined, Digest>;
  /** The layer that wrote the entry, the base being 1. */
  layer(entry: TreeEntry): number | undefined;
  /** Another name of a file that came before: its bytes count once. */
  isLink(entry: TreeEntry): boolean;
}

/** The order of a walk: a directory, its content, then its next sibling. The end of a side comes last. */
export function pathOrder(a: ByteString | undefined, b: ByteString | undefined): number {
  if (a === b) return 0;
  if (a === undefined || b === undefined) return a === undefined ? 1 : -1;
  let i = 0;
  while (i < a.length && a.charCodeAt(i) === b.charCodeAt(i)) i += 1;
  return rankAt(a, i) - rankAt(b, i);
}

/** The end of a path sorts before a slash, and a slash before every other byte. */
function rankAt(path: ByteString, index: number): number {
  if (index === path.length) return -1;
  const code = path.charCodeAt(index);
  return code === 0x2f ? 0 : code;
}
