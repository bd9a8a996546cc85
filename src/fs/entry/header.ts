/** The header of an entry, which its digest begins with (`docs/buildkit.md#headers`), and that digest. */
import { hash } from 'node:crypto';
import type { Entry, Xattrs } from '../../contract/entry.ts';
import type { ByteString } from '../byte-string.ts';
import type { EntryType } from './tree-entry.ts';

/**
 * The facts of an entry that are hashed. Times and names are not. Only a local sync knows the numbers of a device: a scan
 * of files on disk has no `target` for it, and counts them as 0.
 */
export interface HashedEntry extends Pick<Entry, 'mode' | 'uid' | 'gid' | 'size' | 'target'> {
  readonly type: EntryType;
  readonly xattrs?: Xattrs | undefined;
}

const TYPE_FLAGS: Readonly<Record<EntryType, string>> = {
  file: '0',
  socket: '0',
  symlink: '2',
  char: '3',
  block: '4',
  dir: '5',
  fifo: '6',
};

/**
 * True for extended attributes that belong to the content: file capabilities, and all that the system does not reserve.
 */
export function isHashedXattr(name: ByteString): boolean {
  return name === 'security.capability' || !/^(security|system|com\.apple)\./.test(name);
}

/** The bytes with which an entry's digest begins. */
export function entryHeader(entry: HashedEntry): ByteString {
  const isLink = entry.type === 'symlink';
  const isDevice = entry.type === 'char' || entry.type === 'block';
  const [major, minor] = ((isDevice && entry.target) || '0:0').split(':');
  const mode = isLink ? 0o777 | (entry.mode & 0o7000) : entry.mode;
  const size = entry.type === 'file' ? entry.size : 0;
  return (
    `namemode${mode}uid${entry.uid}gid${entry.gid}size${size}typeflag${TYPE_FLAGS[entry.type]}` +
    `linkname${isLink ? (entry.target ?? '') : ''}unamegnamedevmajor${major}devminor${minor}` +
    (entry.xattrs === undefined || entry.xattrs.size === 0 ? '' : xattrText(entry.xattrs))
  );
}

function xattrText(xattrs: Xattrs): ByteString {
  return [...xattrs]
    .filter(([name]) => isHashedXattr(name))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => name + value)
    .join('');
}

/** Hex sha256 of bytes. */
export function hexDigest(bytes: ByteString): string {
  return hash('sha256', Buffer.from(bytes, 'latin1'), 'hex');
}

/** Digest of nothing: the root's header after a local sync, which never sends the root. */
export const EMPTY_DIGEST = hexDigest('');
