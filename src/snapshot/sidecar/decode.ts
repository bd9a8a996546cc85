/** Checks the content of a sidecar, which anybody may have written. */
import type { Entry } from '../../contract/entry.ts';
import { LOSS_KINDS, type Loss } from '../../contract/ref.ts';
import { isDigest } from '../../core/digest.ts';
import { isObject } from '../../core/is-object.ts';
import { printableBytes } from '../../fs/byte-string.ts';
import { entryOfColumns, LETTER_TYPE, type Row } from '../../fs/entry/json-rows.ts';
import { SCHEMA, type Sidecar } from './format.ts';

/** A malformed sidecar; the caller adds the name of the file. */
class Malformed extends Error {}

/**
 * A sidecar from its JSON.
 * @throws Error with what is malformed
 */
export function decodeSidecar(value: unknown): Sidecar {
  const doc = object(value, 'document');
  if (doc.schema !== SCHEMA) throw new Malformed(`schema is not ${SCHEMA}`);
  const root = object(doc.root, 'root');
  return {
    reference: string(doc.reference, 'reference'),
    identifier: string(doc.identifier, 'identifier'),
    key: string(doc.key, 'key'),
    pin: string(doc.pin, 'pin'),
    keys: list(doc.keys, 'keys').map((item) => {
      const key = object(item, 'keys');
      return {
        index: count(key.index, 'index'),
        key: string(key.key, 'key'),
        pin: string(key.pin, 'pin'),
        done: key.done === true,
        solver: optionalString(key.solver, 'solver'),
      };
    }),
    options: object(doc.options, 'options'),
    layers: list(doc.layers, 'layers').map((item) => {
      const layer = object(item, 'layers');
      return {
        digest: string(layer.digest, 'digest'),
        diffId: optionalString(layer.diffId, 'diffId'),
        size: count(layer.size, 'size'),
        mediaType: optionalString(layer.mediaType, 'mediaType'),
      };
    }),
    tree: optionalString(doc.tree, 'tree'),
    written: nanoseconds(doc.written, 'written'),
    root: {
      mode: count(root.mode, 'mode'),
      uid: count(root.uid, 'uid'),
      gid: count(root.gid, 'gid'),
      inode: string(root.inode, 'inode'),
    },
    files: count(doc.files, 'files'),
    bytes: count(doc.bytes, 'bytes'),
    losses: list(doc.losses, 'losses').map((item) => {
      const loss = object(item, 'losses');
      const kind = string(loss.kind, 'kind');
      if (!LOSS_KINDS.includes(kind as Loss['kind'])) throw new Malformed('losses: unknown kind');
      return {
        path: string(loss.path, 'path'),
        kind: kind as Loss['kind'],
        detail: string(loss.detail, 'detail'),
      };
    }),
    lossCounts: counts(doc.lossCounts),
    entries: decodeEntries(list(doc.entries, 'entries')),
  };
}

function decodeEntries(rows: readonly unknown[]): Entry[] {
  const seen = new Set<string>();
  return rows.map((row) => decodeEntry(row, seen));
}

/**
 * One of the entries.
 * @param seen the paths of earlier entries, to which its own is added
 * @throws Error with what is malformed
 */
export function decodeEntry(row: unknown, seen: Set<string>): Entry {
  const entry = decodeRow(row);
  if (seen.has(entry.path)) throw new Malformed(`entries: ${printableBytes(entry.path)} is there twice`);
  seen.add(entry.path);
  return entry;
}

function decodeRow(row: unknown): Entry {
  if (!Array.isArray(row) || row.length < 8 || row.length > 9) throw new Malformed('entries: wrong number of columns');
  const [rawPath, letter, mode, uid, gid, size, mtime, last, xattrs] = row as unknown[];
  const path = text(rawPath, 'path');
  if (!isInside(path)) throw new Malformed(`entries: ${path} is no path inside the directory`);
  const type = LETTER_TYPE.get(letter);
  if (type === undefined) throw new Malformed(`entries: ${path} has no known type`);
  if (count(mode, 'mode') > 0o7777) throw new Malformed(`entries: ${path} has more than permission bits`);
  count(uid, 'uid');
  count(gid, 'gid');
  count(size, 'size');
  nanoseconds(mtime, 'mtime');
  if (xattrs !== undefined) checkXattrs(xattrs);
  if (type === 'file') {
    if (typeof last !== 'string' || !isDigest(last)) throw new Malformed(`entries: ${path} has no digest`);
  } else if (last !== null) {
    const target = text(last, 'target');
    if (type === 'hardlink' && !isInside(target)) throw new Malformed(`entries: ${path} links outside`);
  } else if (type === 'symlink' || type === 'hardlink') {
    throw new Malformed(`entries: ${path} has no target`);
  }
  return entryOfColumns(row as unknown as Row);
}

/** A relative path without empty, `.` and `..` components. */
function isInside(path: string): boolean {
  return path !== '' && !path.includes('\0') && !/(?:^|\/)(?:\.{0,2})(?:\/|$)/.test(path);
}

function checkXattrs(value: unknown): void {
  for (const attribute of Object.values(object(value, 'xattrs'))) string(attribute, 'xattrs');
}

/** Text, or bytes as `{ "latin1": … }`. */
function text(value: unknown, what: string): string {
  if (typeof value === 'string') return value;
  const bytes = string(object(value, what).latin1, what);
  // Written as one byte, any other character becomes another: U+012E a dot.
  if (/[^\0-\xff]/.test(bytes)) throw new Malformed(`${what} is no text`);
  return bytes;
}

function object(value: unknown, what: string): Record<string, unknown> {
  if (!isObject(value)) throw new Malformed(`${what} is no object`);
  return value;
}

function list(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new Malformed(`${what} is no list`);
  return value;
}

function string(value: unknown, what: string): string {
  if (typeof value !== 'string') throw new Malformed(`${what} is no text`);
  return value;
}

function optionalString(value: unknown, what: string): string | undefined {
  return value === undefined ? undefined : string(value, what);
}

function count(value: unknown, what: string): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw new Malformed(`${what} is no number`);
  return value as number;
}

function nanoseconds(value: unknown, what: string): string {
  if (typeof value !== 'string' || !/^-?\d{1,20}$/.test(value)) throw new Malformed(`${what} is no time`);
  return value;
}

function counts(value: unknown): Record<string, number> {
  const table = object(value, 'lossCounts');
  for (const number of Object.values(table)) count(number, 'lossCounts');
  return table as Record<string, number>;
}
