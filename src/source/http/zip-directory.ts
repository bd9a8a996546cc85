/**
 * The directory of a zip archive (APPNOTE.TXT of PKWARE): which entries it has, zip64 included, and where they are.
 * Refused are entries that are encrypted, compressed by an unknown method, or special files.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { CtxsrcError } from '../../core/errors.ts';
import { shortened } from '../../core/printable.ts';
import { Slices } from '../../fs/walk/slices.ts';

const END = 0x06054b50;
const END64 = 0x06064b50;
const LOCATOR64 = 0x07064b50;
const CENTRAL = 0x02014b50;
/** Limit of a central directory in bytes: a million entries and more. */
const MAX_DIRECTORY = 256 * 1024 * 1024;

export const DAMAGED_HINT = 'unzip -t tells whether the file is whole at its origin; put a good one there';

export interface ZipEntry {
  /** A byte string. */
  readonly name: string;
  readonly method: number;
  readonly crc: number;
  readonly packed: number;
  readonly size: number;
  readonly offset: number;
  readonly kind: 'file' | 'dir' | 'symlink';
  readonly mode: number;
  readonly mtime: number;
}

/** Where the directory of an archive begins, and its entries in the order of the file. */
export async function readDirectory(
  signal: AbortSignal,
  file: FileHandle,
): Promise<{ readonly offset: number; readonly entries: readonly ZipEntry[] }> {
  const place = await findDirectory(file, (await file.stat()).size);
  const entries = await parseDirectory(signal, await readAt(file, place.offset, place.length), place);
  return { offset: place.offset, entries: entries.sort((a, b) => a.offset - b.offset) };
}

/** True if the file ends like a zip, whatever its beginning: a program may precede the archive. */
export async function endsAsZip(path: string): Promise<boolean> {
  const file = await open(path, 'r');
  try {
    return (await findEnd(file, (await file.stat()).size)) !== undefined;
  } finally {
    await file.close();
  }
}

interface End {
  /** The end record, and its offset. */
  readonly record: Buffer;
  readonly position: number;
}

/** The last end record whose comment ends at the end of the file, else the last one with other bytes after it. */
async function findEnd(file: FileHandle, size: number): Promise<End | undefined> {
  const tail = await readAt(file, Math.max(0, size - 22 - 0xffff), Math.min(size, 22 + 0xffff));
  let found: number | undefined;
  for (let at = tail.length - 22; at >= 0; at -= 1) {
    if (tail.readUInt32LE(at) !== END) continue;
    const end = at + 22 + tail.readUInt16LE(at + 20);
    if (end <= tail.length) found ??= at;
    if (end === tail.length) {
      found = at;
      break;
    }
  }
  return found === undefined ? undefined : { record: tail.subarray(found), position: size - tail.length + found };
}

interface Place {
  readonly offset: number;
  readonly length: number;
  readonly count: number;
  /** Bytes before the archive, which its offsets do not include. */
  readonly base: number;
}

async function findDirectory(file: FileHandle, size: number): Promise<Place> {
  const found = await findEnd(file, size);
  if (found === undefined) throw invalid('it has no end, so that it was cut off');
  const { record, position: end } = found;
  if (record.readUInt16LE(4) !== 0 || record.readUInt16LE(6) !== 0) throw invalid('it is one part of several');
  let count = record.readUInt16LE(10);
  let length = record.readUInt32LE(12);
  let offset = record.readUInt32LE(16);
  let before = end;
  if (count === 0xffff || length === 0xffffffff || offset === 0xffffffff) {
    const locator = await readAt(file, end - 20, 20);
    if (locator.readUInt32LE(0) !== LOCATOR64) throw invalid('its zip64 locator is missing');
    before = bigNumber(locator, 8);
    if (!(await hasSignature(file, before, END64))) before = end - 20 - 56;
    const end64 = await readAt(file, before, 56);
    if (end64.readUInt32LE(0) !== END64) throw invalid('its zip64 end is missing');
    count = bigNumber(end64, 32);
    length = bigNumber(end64, 40);
    offset = bigNumber(end64, 48);
  }
  if (length > MAX_DIRECTORY) throw new CtxsrcError('E_LIMIT', `the zip archive has a directory of ${length} bytes`);
  if (offset + length > before) throw invalid('its directory is outside of it');
  const shift = before - offset - length;
  const base = shift > 0 && (await hasSignature(file, offset + shift, CENTRAL)) ? shift : 0;
  return { offset: offset + base, length, count, base };
}

async function hasSignature(file: FileHandle, position: number, signature: number): Promise<boolean> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, position);
  return bytesRead === 4 && buffer.readUInt32LE(0) === signature;
}

/** The entries, read in time slices, as there may be millions. Offsets are relative to the beginning of the file. */
async function parseDirectory(signal: AbortSignal, directory: Buffer, { count, base }: Place): Promise<ZipEntry[]> {
  const entries: ZipEntry[] = [];
  const slices = new Slices(signal, () => undefined);
  let at = 0;
  while (at < directory.length) {
    if (slices.over) await slices.pause();
    if (at + 46 > directory.length || directory.readUInt32LE(at) !== CENTRAL)
      throw invalid('its directory is malformed');
    const nameEnd = at + 46 + directory.readUInt16LE(at + 28);
    const extraEnd = nameEnd + directory.readUInt16LE(at + 30);
    const next = extraEnd + directory.readUInt16LE(at + 32);
    if (next > directory.length) throw invalid('its directory is malformed');
    const name = directory.toString('latin1', at + 46, nameEnd);
    entries.push(parseEntry(directory, at, base, name, directory.subarray(nameEnd, extraEnd)));
    at = next;
  }
  if (entries.length !== count) throw invalid(`it has ${entries.length} entries, not the ${count} it says`);
  return entries;
}

function parseEntry(directory: Buffer, at: number, base: number, rawName: string, extra: Buffer): ZipEntry {
  const host = directory.readUInt8(at + 5);
  const flags = directory.readUInt16LE(at + 8);
  const method = directory.readUInt16LE(at + 10);
  const attributes = directory.readUInt32LE(at + 38);
  // Programs of DOS and Windows write both separators.
  const name = host === 0 ? rawName.replaceAll('\\', '/') : rawName;
  const what = `the zip entry ${shortened(name)}`;
  if (name === '' || name.includes('\0')) throw invalid('an entry has no usable name');
  if ((flags & 0x2041) !== 0) throw unsupported(`${what} is encrypted`);
  if (method !== 0 && method !== 8) {
    throw unsupported(`${what} is compressed by the unsupported method ${method}`);
  }
  const fields = zip64Fields(extra, [
    directory.readUInt32LE(at + 24),
    directory.readUInt32LE(at + 20),
    directory.readUInt32LE(at + 42),
  ]);
  const unix = host === 3 || host === 19 ? attributes >>> 16 : 0;
  const kind = kindOf(unix & 0o170000, name);
  if (kind === undefined) throw new CtxsrcError('E_UNSAFE', `${what} is neither a file nor a directory nor a link`);
  return {
    name,
    method,
    crc: directory.readUInt32LE(at + 16),
    size: fields[0] ?? 0,
    packed: fields[1] ?? 0,
    offset: base + (fields[2] ?? 0),
    kind,
    // setuid, setgid and sticky bits are dropped, as in unzip.
    mode: (unix & 0o777) === 0 ? (kind === 'dir' ? 0o755 : 0o644) : unix & 0o777,
    mtime: extendedTime(extra) ?? dosTime(directory.readUInt16LE(at + 14), directory.readUInt16LE(at + 12)),
  };
}

function kindOf(type: number, name: string): ZipEntry['kind'] | undefined {
  if (type === 0o120000) return 'symlink';
  if (type === 0o040000 || name.endsWith('/')) return 'dir';
  return type === 0 || type === 0o100000 ? 'file' : undefined;
}

/** Size, packed size and offset: values that do not fit into 32 bits are in the extra field 1, in this order. */
function zip64Fields(extra: Buffer, fields: readonly number[]): readonly number[] {
  if (!fields.includes(0xffffffff)) return fields;
  const long = extraField(extra, 1);
  let at = 0;
  return fields.map((field) => {
    if (field !== 0xffffffff) return field;
    if (long === undefined || at + 8 > long.length) throw invalid('a zip64 size is missing');
    at += 8;
    return bigNumber(long, at - 8);
  });
}

function extraField(extra: Buffer, id: number): Buffer | undefined {
  for (let at = 0; at + 4 <= extra.length; ) {
    const end = at + 4 + extra.readUInt16LE(at + 2);
    if (end > extra.length) return undefined;
    if (extra.readUInt16LE(at) === id) return extra.subarray(at + 4, end);
    at = end;
  }
  return undefined;
}

/** Seconds since the epoch in Info-ZIP's field "UT". */
function extendedTime(extra: Buffer): number | undefined {
  const field = extraField(extra, 0x5455);
  return field !== undefined && field.length >= 5 && ((field[0] ?? 0) & 1) === 1 ? field.readInt32LE(1) : undefined;
}

/** A time without a zone; read as UTC, so that the result is the same everywhere. */
function dosTime(date: number, time: number): number {
  const month = ((date >> 5) & 15) - 1;
  return Date.UTC(1980 + (date >> 9), month, date & 31, time >> 11, (time >> 5) & 63, (time & 31) * 2) / 1000;
}

/** The bytes at a position, all of them. */
export async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  if (position < 0) throw invalid('it is cut off');
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
  if (bytesRead !== length) throw invalid('it is cut off');
  return buffer;
}

function bigNumber(buffer: Buffer, at: number): number {
  const value = buffer.readBigUInt64LE(at);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw invalid('a size is out of all bounds');
  return Number(value);
}

/** The error for an archive that is malformed. */
export function invalid(problem: string): CtxsrcError {
  return new CtxsrcError('E_ARCHIVE_INVALID', `the zip archive is malformed: ${problem}`, { hint: DAMAGED_HINT });
}

function unsupported(problem: string): CtxsrcError {
  return new CtxsrcError('E_ARCHIVE_INVALID', problem, { hint: 'pack it again without: zip -r FILE.zip DIR' });
}
