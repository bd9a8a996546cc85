/**
 * Written entries as rows of JSON, the form in which a sidecar lists them: path, type, mode, uid, gid, size, mtime,
 * digest or target (null if it has neither), extended attributes (absent if it has none). Bytes that are not UTF-8 are
 * `{ "latin1": … }`.
 */
import type { Digest } from '../core/digest.ts';
import type { WrittenEntries, WrittenEntry } from './ref.ts';

/** Letters of the types: those of `find -printf %y`, and `h` for a hard link. */
export const TYPE_LETTER = {
  file: 'f',
  dir: 'd',
  symlink: 'l',
  hardlink: 'h',
  char: 'c',
  block: 'b',
  fifo: 'p',
} as const;

/** The type that a letter stands for. */
export const LETTER_TYPE: ReadonlyMap<unknown, WrittenEntry['type']> = new Map(
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

/** The separator between two rows. JSON has no bare newline within a row. */
export const ROW_SEPARATOR = ',\n';

/** Rows are decoded in pieces of about this many bytes. */
const PIECE = 256 << 10;

/** Entries from rows that this program wrote, decoded one by one while they are walked. */
export function entriesOfRows(rows: readonly Uint8Array[]): WrittenEntries {
  return { [Symbol.iterator]: () => decode(rows), rows };
}

function* decode(rows: readonly Uint8Array[]): Generator<WrittenEntry> {
  for (const row of rowTexts(rows)) yield entryOfRow(row);
}

/** The rows, one text each, for `entryOfRow`. */
export function* rowTexts(rows: readonly Uint8Array[]): Generator<string> {
  for (const { buffer, byteOffset, byteLength } of rows) {
    const bytes = Buffer.from(buffer, byteOffset, byteLength);
    for (let start = 0; start < bytes.length; ) {
      const cut = bytes.indexOf(ROW_SEPARATOR, start + PIECE);
      const end = cut === -1 ? bytes.length : cut;
      yield* bytes.toString('utf8', start, end).split(ROW_SEPARATOR);
      start = end + ROW_SEPARATOR.length;
    }
  }
}

const HEAD = /^\[(?:"(?:[^"\\]|\\.)*"|\{"latin1":"(?:[^"\\]|\\.)*"\}),"([a-z])",\d+,\d+,\d+,(\d+),/;

/** Type and size of a row's entry, without parsing the rest. */
export function peekRow(text: string): { readonly type: WrittenEntry['type']; readonly size: number } {
  const [, letter = '', size] = HEAD.exec(text) ?? [];
  const type = LETTER_TYPE.get(letter);
  if (type === undefined) throw new Error('a row of a sidecar does not begin as it should');
  return { type, size: Number(size) };
}

/** An entry from a row that this program wrote. */
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
