/**
 * Written entries as rows of JSON, the form in which a sidecar lists them: path, type, mode, uid, gid, size, mtime, digest
 * or target (null for neither), extended attributes (absent for none). Bytes that are not UTF-8 are `{ "latin1": … }`.
 */
import type { WrittenEntry } from '../contract/ref.ts';
import type { Digest } from '../core/digest.ts';

/** Letters of the types, those of `find -printf %y` and `h` for a hard link. */
export const TYPE_LETTER = {
  file: 'f',
  dir: 'd',
  symlink: 'l',
  hardlink: 'h',
  char: 'c',
  block: 'b',
  fifo: 'p',
} as const;

const LETTER_TYPE = new Map<string, WrittenEntry['type']>(
  Object.entries(TYPE_LETTER).map(([type, letter]) => [letter, type as WrittenEntry['type']]),
);

/** A text, or bytes as latin-1. */
type Bytes = string | { readonly latin1: string };

type Row = [
  path: Bytes,
  letter: string,
  mode: number,
  uid: number,
  gid: number,
  size: number,
  mtime: string,
  last: Bytes | null,
  xattrs?: Readonly<Record<string, string>>,
];

/** An entry from a row that this program has written in this run. */
export function entryOfRow(text: string): WrittenEntry {
  const [path, letter, mode, uid, gid, size, mtime, last, xattrs] = JSON.parse(text) as Row;
  const type = LETTER_TYPE.get(letter)!;
  const isFile = type === 'file';
  return {
    path: typeof path === 'string' ? path : path.latin1,
    ...(typeof path === 'string' ? {} : { pathBytes: true }),
    type,
    mode,
    uid,
    gid,
    size,
    mtime,
    ...(isFile ? { digest: last as Digest } : {}),
    ...(isFile || last === null ? {} : { target: typeof last === 'string' ? last : last.latin1 }),
    ...(isFile || last === null || typeof last === 'string' ? {} : { targetBytes: true }),
    ...(xattrs === undefined ? {} : { xattrs }),
  };
}
