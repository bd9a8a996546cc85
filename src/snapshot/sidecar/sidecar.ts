/**
 * The sidecar `<dir>.ctxsrc.json`: what a snapshot directory is, where it came from, what it lacks, and a row for each
 * path in it. It lies beside the directory, which holds only files of the source.
 *
 * One JSON document; each entry is an array on a line of its own, so that 100,000 of them are written and read in a
 * fraction of a second, and `grep` and `diff` work on it. `docs/` describes the columns.
 */
import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Entry } from '../../contract/entry.ts';
import { CtxsrcError, ioError, isCtxsrcError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { entriesOfRows, ROW_SEPARATOR, rowOf } from '../../fs/entry/json-rows.ts';
import { readSmallFileSync } from '../../fs/small-file.ts';
import { Slices } from '../../fs/walk/slices.ts';
import { decodeEntry, decodeSidecar } from './decode.ts';
import { SCHEMA, type Sidecar } from './format.ts';

/** Limit of a sidecar in bytes: some 4 million paths. */
const MAX_SIDECAR_BYTES = 512 * 1024 * 1024;
/** A larger file, or a longer line, is not parsed at once. */
const MAX_AT_ONCE = 16 * 1024 * 1024;

/** Before the rows, which have a line each; everything else is one line. */
const ENTRIES_START = '"entries":[\n';
const ENTRIES_END = '\n]}\n';

/** The sidecar of a snapshot directory, in whatever form its path is given: `out/`, as shells complete it, or `.`. */
export function sidecarPath(dir: string): string {
  const named = /\/$|(?:^|\/)\.\.?$/.test(dir) ? resolve(dir) : dir;
  return `${named}.ctxsrc.json`;
}

/**
 * Writes a sidecar to a new file and syncs it. The caller renames it after the directory that it describes.
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
      separator = ROW_SEPARATOR;
    }
    yield text + ENTRIES_END;
    return;
  }
  for (const entry of entries) {
    text += separator + rowOf(entry);
    separator = ROW_SEPARATOR;
    if (text.length > 256 * 1024) {
      yield text;
      text = '';
    }
  }
  yield text + ENTRIES_END;
}

/**
 * Reads and checks the sidecar of a snapshot directory. Its content is not trusted: every path in it is checked to stay
 * inside the directory.
 * @throws CtxsrcError `E_PATH_NOT_FOUND` if there is none, `E_SIDECAR_INVALID` if it is malformed
 */
export async function readSidecar(dir: string): Promise<Sidecar> {
  return readSidecarFile(sidecarPath(dir)).catch((error: unknown) => {
    if (!isCtxsrcError(error, 'E_PATH_NOT_FOUND')) throw error;
    throw new CtxsrcError('E_PATH_NOT_FOUND', `${printable(dir)} is no snapshot: ${error.message}`, {
      cause: error,
      hint: 'name a directory that ctxsrc snapshot wrote; its sidecar lies beside it',
    });
  });
}

/** As `readSidecar`, from the path of the sidecar. */
export async function readSidecarFile(path: string): Promise<Sidecar> {
  const bytes = readBytes(path);
  if (bytes.length <= MAX_AT_ONCE) return parse(path, () => decodeSidecar(JSON.parse(bytes.toString('utf8'))));
  const { head, rows } = split(path, bytes);
  return { ...head, entries: await entriesInSlices(path, rows) };
}

/**
 * As `readSidecarFile`, for a file that `writeSidecar` wrote and that must be unchanged: its entries are parsed only
 * when they are walked, and come with their rows.
 * @param sha256 in hex, as `writeSidecar` returned it
 */
export async function readOwnSidecar(path: string, sha256: string): Promise<Sidecar> {
  const bytes = readBytes(path);
  if (createHash('sha256').update(bytes).digest('hex') !== sha256) throw invalid(path, 'it was changed');
  const { head, rows } = split(path, bytes);
  return { ...head, entries: entriesOfRows(rows.length > 0 ? [rows] : []) };
}

/** The part before the entries, and the lines of the entries, as `serialise` writes them. */
function split(path: string, bytes: Buffer): { readonly head: Sidecar; readonly rows: Buffer } {
  // No earlier line has this end.
  const start = bytes.indexOf(ENTRIES_START) + ENTRIES_START.length;
  const end = bytes.length - ENTRIES_END.length;
  if (start < ENTRIES_START.length || start > MAX_AT_ONCE || bytes.toString('latin1', end) !== ENTRIES_END) {
    throw invalid(path, 'it has no lines of entries');
  }
  const head = `${bytes.toString('utf8', 0, start)}${ENTRIES_END}`;
  return {
    head: parse(path, () => decodeSidecar(JSON.parse(head))),
    rows: bytes.subarray(start, Math.max(start, end)),
  };
}

/** Line by line: parsing hundreds of megabytes at once would block signals meanwhile. */
async function entriesInSlices(path: string, rows: Buffer): Promise<Entry[]> {
  const slices = new Slices(undefined, () => undefined);
  const seen = new Set<string>();
  const entries: Entry[] = [];
  for (let at = 0; at < rows.length; ) {
    if (slices.over) await slices.pause();
    const found = rows.indexOf(ROW_SEPARATOR, at);
    const end = found < 0 ? rows.length : found;
    if (end - at > MAX_AT_ONCE) throw invalid(path, 'it has a line without end');
    entries.push(parse(path, () => decodeEntry(JSON.parse(rows.toString('utf8', at, end)), seen)));
    at = end + ROW_SEPARATOR.length;
  }
  return entries;
}

function readBytes(path: string): Buffer {
  return readSmallFileSync(path, { what: `the sidecar ${printable(path)}`, maxBytes: MAX_SIDECAR_BYTES });
}

function parse<T>(path: string, decode: () => T): T {
  try {
    return decode();
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
