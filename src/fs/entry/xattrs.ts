/** The extended attributes of an entry that count for its digest. */
import type { Xattrs } from '../../contract/entry.ts';
import type { ByteString } from '../byte-string.ts';
import type { Native, NativeTarget } from '../native/native.ts';
import { isHashedXattr } from './header.ts';

/** The attributes, and whether one was listed but could not be read for lack of permission. */
export interface ReadXattrs {
  readonly xattrs: Xattrs;
  readonly incomplete: boolean;
}

const NONE: ReadXattrs = { xattrs: new Map(), incomplete: false };

/**
 * The extended attributes of a path (a link itself, never its target) or of an open file.
 * @throws errors of the system, with `code`
 */
export function readXattrs(native: Native, of: NativeTarget): ReadXattrs {
  const names = native.listXattrs(of);
  if (names.length === 0) return NONE;
  const xattrs = new Map<ByteString, ByteString>();
  let incomplete = false;
  for (const name of names.filter(isHashedXattr)) {
    try {
      const value = native.getXattr(of, name);
      if (value !== undefined) xattrs.set(name, value.toString('latin1'));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'EACCES' && code !== 'EPERM') throw error;
      incomplete = true;
    }
  }
  return { xattrs, incomplete };
}
