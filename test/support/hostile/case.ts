/** What a hostile case is, and the entries and archives that cases are made of. */
import type { ErrorCode } from '../../../src/core/errors.ts';
import { type TarEntry, tar } from '../tar-builder.ts';

export interface HostileCase {
  readonly name: string;
  /** Uncompressed archives, or a blob with its archive. `outside` is a directory beside the target that must not change. */
  readonly layers: (outside: string) => readonly (Buffer | HostileBlob)[];
  /** A code, or lines as `treeLines` makes them. */
  readonly expected: ErrorCode | readonly string[] | ((outside: string) => readonly string[]);
  /** For a normal user, where it differs. */
  readonly asUser?: ErrorCode | readonly string[];
  /** Kinds of losses for a normal user. */
  readonly userLosses?: readonly string[];
  readonly limits?: { readonly maxBytes?: number; readonly maxFiles?: number; readonly maxRatio?: number };
  /** The message must contain this. */
  readonly message?: string;
}

export interface HostileBlob {
  readonly blob: Buffer;
  /** What the diff ID is of. */
  readonly archive: Buffer;
}

export const file = (name: string | Buffer, content = '', more: Partial<TarEntry> = {}): TarEntry => ({
  name,
  content,
  ...more,
});
export const dir = (name: string, more: Partial<TarEntry> = {}): TarEntry => ({ name, type: 'dir', ...more });
export const symlink = (name: string, linkname: string | Buffer): TarEntry => ({ name, type: 'symlink', linkname });
export const hardlink = (name: string, linkname: string): TarEntry => ({ name, type: 'hardlink', linkname });
export const device = (name: string): TarEntry => ({ name, type: 'char', devmajor: 1, devminor: 3 });

/** One layer of these entries. */
export const one =
  (...entries: TarEntry[]) =>
  (): Buffer[] => [tar(entries)];
/** Parts of an archive after each other, without an end. */
export const raw =
  (...parts: Uint8Array[]) =>
  (): Buffer[] => [Buffer.concat(parts)];
export const END = Buffer.alloc(1024);
export const GOOD = tar([file('good', 'x')]);

export const INVALID: ErrorCode = 'E_ARCHIVE_INVALID';

/** The directories on the way to an absolute path, as lines of a tree. */
export function parents(path: string): string[] {
  const parts = path.slice(1).split('/');
  return parts.map((_, i) => `dir ${parts.slice(0, i + 1).join('/')}`);
}

/** The order of the lines of a tree. */
export function byPath(a: string, b: string): number {
  const key = (line: string): string => line.split(' ')[1]!;
  return key(a) < key(b) ? -1 : 1;
}
