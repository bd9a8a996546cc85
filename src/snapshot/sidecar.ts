/**
 * The sidecar `<dir>.ctxsrc.json`: what a snapshot directory is, where it came from, what it lacks, and a line for each
 * path in it. It lies beside the directory, so that the directory holds the files of the source and nothing else.
 *
 * One JSON document; each entry is an array on a line of its own, so that 100,000 of them are written and read in a
 * fraction of a second and `grep` and `diff` work on it. `docs/` describes the columns.
 */
import { createHash } from 'node:crypto';
import { type FileHandle, open, readFile, stat } from 'node:fs/promises';
import type { Loss, WrittenEntries, WrittenEntry } from '../contract/ref.ts';
import { isDigest } from '../core/digest.ts';
import { CtxsrcError, ioError, isCtxsrcError } from '../core/errors.ts';
import { printable } from '../core/printable.ts';
import { TYPE_LETTER } from '../layer/entry-rows.ts';

/** A key of the source at one index, as `ctxsrc key --json` shows it. */
export interface SnapshotKey {
  readonly index: number;
  readonly key: string;
  readonly pin: string;
  readonly done: boolean;
  readonly solver?: string | undefined;
}

/** A layer the files came from, base first. */
export interface SnapshotLayer {
  readonly digest: string;
  readonly diffId?: string | undefined;
  readonly size: number;
  readonly mediaType?: string | undefined;
}

/** Where a snapshot comes from: the part of the sidecar that its maker knows before a file is written. */
export interface SnapshotFacts {
  /** As the user wrote it. */
  readonly reference: string;
  readonly identifier: string;
  /** The content key. */
  readonly key: string;
  /** Root digest. */
  readonly pin: string;
  readonly keys: readonly SnapshotKey[];
  /** What chose and shaped the files (owner, filter, epoch, attributes), JSON-safe: another value is another snapshot. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly layers: readonly SnapshotLayer[];
}

export interface Sidecar extends SnapshotFacts {
  /** Content hash of what was written, where it differs from what the key says: a filtered snapshot. */
  readonly tree?: string | undefined;
  /** Time of the file system when all files were there, in nanoseconds: what has a later ctime was touched since. */
  readonly written: string;
  /** The directory itself; `inode` tells whether it still is the one that was written, and not another put in its place. */
  readonly root: { readonly mode: number; readonly uid: number; readonly gid: number; readonly inode: string };
  readonly files: number;
  readonly bytes: number;
  readonly losses: readonly Loss[];
  readonly lossCounts: Readonly<Record<string, number>>;
  /** Depth first, a directory before what is in it. */
  readonly entries: WrittenEntries;
}

/** A sidecar larger than this is not one: some 4 million paths. */
const MAX_SIDECAR_BYTES = 512 * 1024 * 1024;

const SCHEMA = 'ctxsrc/v1';
/** Around the rows, which have a line each; the rest is one line. */
const ENTRIES_START = '"entries":[\n';
const ENTRIES_END = '\n]}\n';

const TYPE: ReadonlyMap<unknown, WrittenEntry['type']> = new Map(
  Object.entries(TYPE_LETTER).map(([type, letter]) => [letter, type as WrittenEntry['type']]),
);

const LOSS_KINDS: readonly string[] = ['owner', 'device', 'capability', 'xattr', 'setuid', 'fifo', 'socket', 'mtime'];

/** Where the sidecar of a snapshot directory lies. */
export function sidecarPath(dir: string): string {
  return `${dir}.ctxsrc.json`;
}

/**
 * Writes a sidecar to a new file, synced: the caller gives it its name when the directory it describes has its own.
 * @returns SHA-256 of the file, in hex
 * @throws CtxsrcError `E_DISK_FULL`, `E_PERMISSION` or `E_IO`
 */
export async function writeSidecar(path: string, sidecar: Sidecar): Promise<string> {
  let handle: FileHandle | undefined;
  const hash = createHash('sha256');
  try {
    handle = await open(path, 'wx', 0o644);
    for (const chunk of serialise(sidecar)) {
      hash.update(chunk);
      await handle.writeFile(chunk);
    }
    await handle.datasync();
    return hash.digest('hex');
  } catch (error) {
    throw ioError(error, `cannot write ${printable(path)}`);
  } finally {
    await handle?.close();
  }
}

/** The text in pieces of some hundred kilobytes. */
function* serialise(sidecar: Sidecar): Generator<string | Uint8Array> {
  const { entries, ...head } = sidecar;
  let text = `${JSON.stringify({ schema: SCHEMA, ...head }).slice(0, -1)},"entries":[`;
  let separator = '\n';
  if (entries.rows !== undefined) {
    for (const piece of entries.rows) {
      yield text + separator;
      yield piece;
      text = '';
      separator = ',\n';
    }
    yield text + ENTRIES_END;
    return;
  }
  for (const entry of entries) {
    text += separator + JSON.stringify(toRow(entry));
    separator = ',\n';
    if (text.length > 256 * 1024) {
      yield text;
      text = '';
    }
  }
  yield text + ENTRIES_END;
}

/** Columns: path, type, mode, uid, gid, size, mtime, digest or target (null for neither), xattrs (absent for none). */
function toRow(entry: WrittenEntry): unknown[] {
  const { type } = entry;
  const last = type === 'file' ? entry.digest : bytesOrText(entry.target, entry.targetBytes);
  const row: unknown[] = [
    bytesOrText(entry.path, entry.pathBytes),
    TYPE_LETTER[type],
    entry.mode,
    entry.uid,
    entry.gid,
    entry.size,
    entry.mtime,
    last ?? null,
  ];
  if (entry.xattrs !== undefined) row.push(entry.xattrs);
  return row;
}

/** Bytes that are not UTF-8 become `{ "latin1": … }`. */
function bytesOrText(text: string | undefined, isBytes: true | undefined): unknown {
  return isBytes === true && text !== undefined ? { latin1: text } : text;
}

/**
 * Reads and checks the sidecar of a snapshot directory. It is as trustworthy as the place it lies in: every path in it
 * is checked to stay inside the directory.
 * @throws CtxsrcError `E_PATH_NOT_FOUND` when there is none, `E_SIDECAR_INVALID` when it is not one
 */
export async function readSidecar(dir: string): Promise<Sidecar> {
  return readSidecarFile(sidecarPath(dir));
}

/**
 * As `readSidecar`, by the path of the sidecar itself.
 * @param sha256 in hex, of a file that `writeSidecar` wrote and that must be that still: its entries then come with rows
 */
export async function readSidecarFile(path: string, sha256?: string): Promise<Sidecar> {
  let bytes: Buffer;
  try {
    const { size } = await stat(path);
    if (size > MAX_SIDECAR_BYTES) throw invalid(path, 'it is too large');
    bytes = await readFile(path);
  } catch (error) {
    throw ioError(error, `cannot read ${printable(path)}`);
  }
  if (sha256 !== undefined && createHash('sha256').update(bytes).digest('hex') !== sha256) {
    throw invalid(path, 'it was changed');
  }
  try {
    const sidecar = decode(JSON.parse(bytes.toString('utf8')));
    return sha256 === undefined ? sidecar : { ...sidecar, entries: withRows(sidecar.entries, bytes) };
  } catch (error) {
    if (isCtxsrcError(error)) throw error;
    throw invalid(path, error instanceof SyntaxError ? 'it is not JSON' : (error as Error).message);
  }
}

function invalid(path: string, why: string): CtxsrcError {
  return new CtxsrcError('E_SIDECAR_INVALID', `${printable(path)} is no sidecar of a snapshot: ${printable(why)}`, {
    hint: 'write the snapshot again with --force',
  });
}

/** Thrown by the decoder, always caught above. */
class Malformed extends Error {}

function decode(value: unknown): Sidecar {
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
      if (!LOSS_KINDS.includes(kind)) throw new Malformed('losses: unknown kind');
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

/** The entries with their rows as they are in the file: as `serialise` writes it, no other line ends like these. */
function withRows(entries: WrittenEntries, file: Buffer): WrittenEntries {
  const start = file.indexOf(ENTRIES_START) + ENTRIES_START.length;
  const end = file.length - ENTRIES_END.length;
  return Object.assign(entries, { rows: start < end ? [file.subarray(start, end)] : [] });
}

function decodeEntries(rows: readonly unknown[]): WrittenEntry[] {
  const seen = new Set<string>();
  return rows.map((row) => {
    const entry = decodeRow(row);
    const key = entry.pathBytes === true ? `\0${entry.path}` : entry.path;
    if (seen.has(key)) throw new Malformed(`entries: ${entry.path} is there twice`);
    seen.add(key);
    return entry;
  });
}

/** An entry while it is put together: a hundred thousand of them are worth no intermediate objects. */
type Draft = { -readonly [K in keyof WrittenEntry]: WrittenEntry[K] };

function decodeRow(row: unknown): WrittenEntry {
  if (!Array.isArray(row) || row.length < 8 || row.length > 9) throw new Malformed('entries: wrong number of columns');
  const [rawPath, letter, mode, uid, gid, size, mtime, last, xattrs] = row as unknown[];
  const path = text(rawPath, 'path');
  if (!isInside(path)) throw new Malformed(`entries: ${path} is no path inside the directory`);
  const type = TYPE.get(letter);
  if (type === undefined) throw new Malformed(`entries: ${path} has no known type`);
  const entry: Draft = {
    path,
    type,
    mode: count(mode, 'mode'),
    uid: count(uid, 'uid'),
    gid: count(gid, 'gid'),
    size: count(size, 'size'),
    mtime: nanoseconds(mtime, 'mtime'),
  };
  if (entry.mode > 0o7777) throw new Malformed(`entries: ${path} has more than permission bits`);
  if (typeof rawPath !== 'string') entry.pathBytes = true;
  if (xattrs !== undefined) entry.xattrs = decodeXattrs(xattrs);
  if (type === 'file') {
    if (typeof last !== 'string' || !isDigest(last)) throw new Malformed(`entries: ${path} has no digest`);
    entry.digest = last;
  } else if (last !== null) {
    entry.target = text(last, 'target');
    if (typeof last !== 'string') entry.targetBytes = true;
    if (type === 'hardlink' && !isInside(entry.target)) throw new Malformed(`entries: ${path} links outside`);
  } else if (type === 'symlink' || type === 'hardlink') {
    throw new Malformed(`entries: ${path} has no target`);
  }
  return entry;
}

/** A relative path without empty, `.` and `..` components. */
function isInside(path: string): boolean {
  return path !== '' && !path.includes('\0') && !/(?:^|\/)(?:\.{0,2})(?:\/|$)/.test(path);
}

function decodeXattrs(value: unknown): Record<string, string> {
  const attributes = object(value, 'xattrs');
  for (const attribute of Object.values(attributes)) string(attribute, 'xattrs');
  return attributes as Record<string, string>;
}

/** Text, or bytes as `{ "latin1": … }`. */
function text(value: unknown, what: string): string {
  return typeof value === 'string' ? value : string(object(value, what).latin1, what);
}

function object(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Malformed(`${what} is no object`);
  return value as Record<string, unknown>;
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
