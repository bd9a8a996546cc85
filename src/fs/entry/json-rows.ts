/**
 * Entries as rows of JSON, the form in which sidecars and the store list them: path, type, mode, uid, gid, size, mtime
 * (nanoseconds, decimal), digest or target (null if it has neither), extended attributes with values in base64 (absent if
 * it has none); in the store also inode and ctime of a file, with null for no attributes. Bytes that are not UTF-8 are
 * `{ "latin1": … }`.
 */
import type { Entries, Entry, Metadata } from '../../contract/entry.ts';
import type { Digest } from '../../core/digest.ts';
import { type ByteString, bytesOfText, isUtf8, textOfBytes } from '../byte-string.ts';
import { textOfTime, timeOfText } from './time.ts';

/** Letters of the types: those of `find -printf %y`, and `h` for a hard link. */
const TYPE_LETTER = {
  file: 'f',
  dir: 'd',
  symlink: 'l',
  hardlink: 'h',
  char: 'c',
  block: 'b',
  fifo: 'p',
} as const;

/** The type that a letter stands for. */
export const LETTER_TYPE: ReadonlyMap<unknown, Entry['type']> = new Map(
  Object.entries(TYPE_LETTER).map(([type, letter]) => [letter, type as Entry['type']]),
);

/** A text, or bytes as latin-1. */
type JsonBytes = string | { readonly latin1: string };

/** The columns of a row. */
export type Row = readonly [
  path: JsonBytes,
  letter: string,
  mode: number,
  uid: number,
  gid: number,
  size: number,
  mtime: string,
  last: JsonBytes | null,
  xattrs?: Readonly<Record<string, string>> | null,
  ino?: number,
  ctime?: number,
];

/** The separator between two rows. JSON has no bare newline within a row. */
export const ROW_SEPARATOR = ',\n';

/** Rows are decoded in pieces of about this many bytes. */
const PIECE = 256 << 10;

/** Entries from rows that this program wrote, decoded one by one while they are walked. */
export function entriesOfRows(rows: readonly Uint8Array[]): Entries {
  return { [Symbol.iterator]: () => decode(rows), rows };
}

function* decode(rows: readonly Uint8Array[]): Generator<Entry> {
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
export function peekRow(text: string): { readonly type: Entry['type']; readonly size: number } {
  const [, letter = '', size] = HEAD.exec(text) ?? [];
  const type = LETTER_TYPE.get(letter);
  if (type === undefined) throw new Error('a row of an entry does not begin as it should');
  return { type, size: Number(size) };
}

/** An entry from a row that this program wrote. */
export function entryOfRow(text: string): Entry {
  return entryOfColumns(JSON.parse(text) as Row);
}

export function entryOfColumns([path, letter, mode, uid, gid, size, mtime, last, xattrs, ino, ctime]: Row): Entry {
  const type = LETTER_TYPE.get(letter)!;
  const isFile = type === 'file';
  const time = timeOfText(mtime);
  return {
    path: bytesOf(path),
    type,
    mode,
    uid,
    gid,
    size,
    mtime: time.mtime,
    mtimeNs: time.mtimeNs,
    xattrs: xattrs ? new Map(Object.entries(xattrs).map(fromBase64)) : undefined,
    digest: isFile && last !== null ? (last as Digest) : undefined,
    target: isFile || last === null ? undefined : bytesOf(last),
    ino,
    ctime,
  };
}

/** The rows of entries, one text each. */
export function* rowsOf(entries: Entries): Generator<string> {
  if (entries.rows !== undefined) yield* rowTexts(entries.rows);
  else for (const entry of entries) yield rowOf(entry);
}

/** The row of an entry. */
export function rowOf(entry: Entry): string {
  const { path, type, size, digest, target, ino, ctime } = entry;
  const last = digest ?? target;
  const row = rowText(path, type, entry, size, last === undefined ? 'null' : jsonOfBytes(last));
  if (ino === undefined) return row;
  return `${row.slice(0, -1)}${entry.xattrs === undefined ? ',null' : ''},${ino},${ctime}]`;
}

/** As `rowOf`, from parts. @param last JSON of the digest or target */
export function rowText(
  path: ByteString,
  type: Entry['type'],
  meta: Readonly<Metadata>,
  size: number,
  last: string,
): string {
  const { mode, uid, gid, xattrs } = meta;
  const row = `[${jsonOfBytes(path)},"${TYPE_LETTER[type]}",${mode},${uid},${gid},${size},"${textOfTime(meta)}",${last}`;
  // The attributes of a hard link are in the row of its first path.
  if (xattrs === undefined || type === 'hardlink') return `${row}]`;
  return `${row},${JSON.stringify(Object.fromEntries([...xattrs].map(toBase64)))}]`;
}

/** Bytes as JSON. */
export function jsonOfBytes(bytes: ByteString): string {
  return JSON.stringify(isUtf8(bytes) ? textOfBytes(bytes) : { latin1: bytes });
}

function bytesOf(json: JsonBytes): ByteString {
  return typeof json === 'string' ? bytesOfText(json) : json.latin1;
}

function toBase64([name, value]: [string, string]): [string, string] {
  return [name, Buffer.from(value, 'latin1').toString('base64')];
}

function fromBase64([name, value]: [string, string]): [string, string] {
  return [name, Buffer.from(value, 'base64').toString('latin1')];
}
