/** The header of an entry, which its digest begins with (`docs/buildkit.md#headers`), and that digest. */
import { hash } from 'node:crypto';
import type { Xattrs } from '../../contract/entry.ts';
import type { ByteString } from '../byte-string.ts';
import type { EntryType } from './tree-entry.ts';

/** The facts of an entry that are hashed. Times and names are not. */
export interface HashedEntry {
  readonly type: EntryType;
  /** Permission bits with setuid, setgid and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly target?: ByteString | undefined;
  /** Numbers of a device; only a local sync knows them, and a scan of files on disk counts them as 0. */
  readonly major?: number | undefined;
  readonly minor?: number | undefined;
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
  const mode = isLink ? 0o777 | (entry.mode & 0o7000) : entry.mode;
  const size = entry.type === 'file' ? entry.size : 0;
  return (
    `namemode${mode}uid${entry.uid}gid${entry.gid}size${size}typeflag${TYPE_FLAGS[entry.type]}` +
    `linkname${isLink ? (entry.target ?? '') : ''}unamegnamedevmajor${entry.major ?? 0}devminor${entry.minor ?? 0}` +
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
