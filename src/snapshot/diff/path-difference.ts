/** A difference between two trees at one path, and how its parts are written. */
import type { TreeEntry } from '../../fs/entry/tree-entry.ts';

/** What a path can be. */
export type PathType = Exclude<TreeEntry['type'], 'socket'>;

/** The aspect of a path that differs. `ignored`: still on the disk of the second side, but filtered out there. */
export type PathAspect =
  | 'added'
  | 'deleted'
  | 'ignored'
  | 'unignored'
  | 'type'
  | 'content'
  | 'mode'
  | 'owner'
  | 'target'
  | 'device'
  | 'xattr'
  | 'time';

/** One thing that differs at a path. */
export interface PathDifference {
  /** What differs. */
  readonly what: PathAspect;
  /** What the path is, on the second side if it has it. */
  readonly type: PathType;
  /** Relative; a path that is not UTF-8 is a byte string, with `pathBytes: true`. */
  readonly path: string;
  /** The path is a byte string. */
  readonly pathBytes?: true;
  /** The type, octal mode, size in bytes, owner, link target or device on either side. Absent if the side lacks it. */
  readonly from?: string | number;
  /** The same on the second side. */
  readonly to?: string | number;
  /** The rule that ignores the path, or the extended attribute that differs. */
  readonly by?: string;
  /** What happened to the extended attribute. */
  readonly change?: '+' | '-' | '~';
  /** Bytes of the content that came, and of the one that went. */
  readonly bytes?: { readonly added: number; readonly gone: number };
  /** The layer of an image that wrote what is there now, or what is gone; the base is 1. */
  readonly layer?: number;
}

/** In a content key a socket counts as an empty file. */
export function typeOf(entry: TreeEntry): PathType {
  return entry.type === 'socket' ? 'file' : entry.type;
}

export function timeText({ mtimeMs }: TreeEntry): string {
  const date = new Date(mtimeMs);
  return Number.isNaN(date.getTime()) ? `${mtimeMs / 1000}` : date.toISOString().replace('.000Z', 'Z');
}

/** The permission bits of group and others in words. */
export function bitNames(bits: number): string {
  const names = [];
  for (const [shift, who] of [
    [3, 'group'],
    [0, 'other'],
  ] as const) {
    for (const [bit, what] of [
      [4, 'read'],
      [2, 'write'],
      [1, 'execute'],
    ] as const) {
      if ((bits & (bit << shift)) !== 0) names.push(`${who}-${what}`);
    }
  }
  return names.join(', ');
}
