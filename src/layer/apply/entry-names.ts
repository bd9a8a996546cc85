/** What the names of entries say: where they lie, and in a layer what they remove. */
import { CtxsrcError } from '../../core/errors.ts';
import { shortenedBytes } from '../../fs/byte-string.ts';

const WHITEOUT = '.wh.';
const OPAQUE = '.wh..wh..opq';
/** Prefix of names at the root of a layer that aufs used for itself. */
const AUFS = '.wh..wh.';
/** Directory of aufs for files with several names, which are hard links into it. */
export const AUFS_LINKS = '.wh..wh.plnk';

/** The components of a name, cleaned as an absolute path: `..` stops at the root. */
export function cleanComponents(name: string): string[] {
  const result: string[] = [];
  for (const part of name.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') result.pop();
    else result.push(part);
  }
  return result;
}

/** True for an entry of a layer that aufs used for itself, unless it is a file that others are hard links to. */
export function isOfAufs(parents: readonly string[], name: string, type: string): boolean {
  const isAufs = parents[0]?.startsWith(AUFS) ?? (name.startsWith(AUFS) && name !== OPAQUE);
  return isAufs && !(parents.length === 1 && parents[0] === AUFS_LINKS && type === 'file');
}

export function isWhiteout(name: string): boolean {
  return name.startsWith(WHITEOUT);
}

/**
 * The name that a whiteout removes, `''` for all older names; undefined if it is no whiteout.
 * @throws CtxsrcError `E_UNSAFE` if it names no file
 */
export function whitedOut(name: string): string | undefined {
  if (!isWhiteout(name)) return undefined;
  if (name === OPAQUE) return '';
  const victim = name.slice(WHITEOUT.length);
  if (victim !== '' && victim !== '.' && victim !== '..') return victim;
  const shown = JSON.stringify(shortenedBytes(name));
  throw new CtxsrcError('E_UNSAFE', `the archive is invalid: a whiteout ${shown} names no file`);
}
