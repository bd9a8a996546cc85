/**
 * The file of a stat cache: the end of its rows and the length of its facts (4 bytes each), the rows, the facts as
 * JSON, and the SHA-256 of all of these. A writer makes a new file and renames it into place.
 */
import { createHash, randomBytes } from 'node:crypto';
import { closeSync, fstatSync, openSync, readdirSync, readSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { EntryRows, FIRST_ROW } from '../entry/rows.ts';
import type { Slices } from '../walk/slices.ts';
import { makeDirectory } from '../write/make-directory.ts';
import { writeAllSync } from '../write/write-all.ts';

/** Number of files in the folder; writing one more removes the oldest. */
const MAX_FILES = 32;
/** Files above this size in bytes are not read. */
const MAX_BYTES = 1 << 30;
const CHECKSUM_BYTES = 32;
/** Bytes read or written between two looks at the clock. */
const PIECE = 4 << 20;

export interface StatCacheContent {
  readonly rows: EntryRows;
  readonly facts: unknown;
}

/**
 * Reads a file; undefined if it is incomplete or damaged.
 * @throws errors of `node:fs`
 */
export async function readCacheFile(file: string, slices: Slices): Promise<StatCacheContent | undefined> {
  const bytes = await readWhole(file, slices);
  if (bytes === undefined) return undefined;
  const [end, length] = [bytes.readUInt32LE(0), bytes.readUInt32LE(4)];
  const facts = bytes.toString('utf8', end, end + length);
  return { rows: new EntryRows(bytes.buffer), facts: JSON.parse(facts) };
}

/** The bytes, in memory of their own, if they match their checksum. */
async function readWhole(file: string, slices: Slices): Promise<Buffer | undefined> {
  const fd = openSync(file, 'r');
  try {
    const { size } = fstatSync(fd);
    if (size > MAX_BYTES || size < FIRST_ROW + CHECKSUM_BYTES) return undefined;
    const bytes = Buffer.from(new ArrayBuffer((size + 7) & ~7));
    const body = size - CHECKSUM_BYTES;
    const running = createHash('sha256');
    let at = 0;
    for (let read = -1; at < size && read !== 0; at += read) {
      read = readSync(fd, bytes, at, Math.min(PIECE, size - at), at);
      running.update(bytes.subarray(at, Math.min(at + read, body)));
      if (slices.over) await slices.pause();
    }
    return at === size && running.digest().equals(bytes.subarray(body, size)) ? bytes : undefined;
  } finally {
    closeSync(fd);
  }
}

/**
 * Writes a file, and removes the oldest files of its folder.
 * @param rows bytes of rows, in pieces
 * @param facts JSON-safe
 * @throws errors of `node:fs`
 */
export async function writeCacheFile(
  file: string,
  rows: readonly Uint8Array[],
  facts: unknown,
  slices: Slices,
): Promise<void> {
  const dir = join(file, '..');
  makeDirectory(dir, 0o700);
  const temporary = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  try {
    await writeNew(temporary, rows, Buffer.from(JSON.stringify(facts)), slices);
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  removeOldest(dir);
}

async function writeNew(file: string, rows: readonly Uint8Array[], facts: Buffer, slices: Slices): Promise<void> {
  const start = Buffer.alloc(FIRST_ROW);
  start.writeUInt32LE(rows.reduce((sum, { length }) => sum + length, FIRST_ROW));
  start.writeUInt32LE(facts.length, 4);
  const fd = openSync(file, 'wx', 0o600);
  try {
    const running = createHash('sha256');
    for (const part of [start, ...rows, facts]) {
      running.update(part);
      writeAllSync(fd, part);
      if (slices.over) await slices.pause();
    }
    writeAllSync(fd, running.digest());
  } finally {
    closeSync(fd);
  }
}

/** Also removes the temporary files of writers that were killed. */
function removeOldest(dir: string): void {
  const names = readdirSync(dir);
  if (names.length <= MAX_FILES) return;
  const aged = names.map((name) => ({
    name,
    mtime: statSync(join(dir, name), { throwIfNoEntry: false })?.mtimeMs ?? 0,
  }));
  aged.sort((a, b) => b.mtime - a.mtime);
  for (const { name } of aged.slice(MAX_FILES)) rmSync(join(dir, name), { force: true });
}
