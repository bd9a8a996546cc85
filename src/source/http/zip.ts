/**
 * Reads a zip archive from a file: entries as its directory lists them, stored or deflated. Known attacks are refused:
 * entries that overlap or contradict their local header, wrong sizes and checksums.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { crc32, createInflateRaw } from 'node:zlib';
import { CtxsrcError } from '../../core/errors.ts';
import { shortened } from '../../core/printable.ts';
import { RatioGuard } from '../../layer/compress/ratio-guard.ts';
import type { TarEntry, TarHandler } from '../../layer/tar/reader.ts';
import { DAMAGED_HINT, invalid, readAt, readDirectory, type ZipEntry } from './zip-directory.ts';

const LOCAL = 0x04034b50;
const MAX_LINK = 4096;
const CHUNK = 256 * 1024;

/**
 * Passes every entry to `handler`, in the order of the file.
 * @param onRead called with the number of content bytes read so far
 */
export async function readZip(
  signal: AbortSignal,
  path: string,
  handler: TarHandler,
  maxRatio: number,
  onRead: (bytes: number) => void,
): Promise<void> {
  const file = await open(path, 'r');
  try {
    const directory = await readDirectory(signal, file);
    const guard = new RatioGuard(maxRatio);
    let before = 0;
    for (const [index, entry] of directory.entries.entries()) {
      signal.throwIfAborted();
      const start = await dataStart(file, entry);
      const end = directory.entries[index + 1]?.offset ?? directory.offset;
      if (start + entry.packed > end) throw invalid('its entries overlap');
      await readEntry(file, start, entry, handler, (packed, unpacked) => {
        signal.throwIfAborted();
        guard.input = before + packed;
        guard.made(unpacked);
        onRead(guard.input);
      });
      before += entry.packed;
    }
  } finally {
    await file.close();
  }
}

async function dataStart(file: FileHandle, entry: ZipEntry): Promise<number> {
  const header = await readAt(file, entry.offset, 30);
  if (header.readUInt32LE(0) !== LOCAL) throw invalid('an entry is not where the directory says');
  const nameLength = header.readUInt16LE(26);
  const name = (await readAt(file, entry.offset + 30, nameLength)).toString('latin1');
  if (name !== entry.name && name.replaceAll('\\', '/') !== entry.name)
    throw invalid('the two names of an entry differ');
  return entry.offset + 30 + nameLength + header.readUInt16LE(28);
}

/** @param seen called with the bytes of the entry read so far, and the bytes that the last of them became */
async function readEntry(
  file: FileHandle,
  start: number,
  entry: ZipEntry,
  handler: TarHandler,
  seen: (packed: number, unpacked: number) => void,
): Promise<void> {
  if (entry.kind === 'dir') {
    handler.entry(tarEntry(entry, 'dir', 0, ''));
    return;
  }
  const isFile = entry.kind === 'file';
  if (!isFile && entry.size > MAX_LINK) throw wrongSize(entry);
  let crc = 0;
  let size = 0;
  let target = Buffer.alloc(0);
  if (isFile) handler.entry(tarEntry(entry, 'file', entry.size, ''));
  for await (const { chunk, packed } of unpacked(file, start, entry)) {
    if (size + chunk.length > entry.size) throw wrongSize(entry);
    crc = crc32(chunk, crc);
    if (isFile) handler.data(chunk, size);
    else target = Buffer.concat([target, chunk]);
    size += chunk.length;
    seen(packed, chunk.length);
  }
  if (size !== entry.size) throw wrongSize(entry);
  if (crc !== entry.crc) throw bad(entry, 'is damaged: its checksum is wrong');
  if (isFile) handler.fileEnd();
  else handler.entry(tarEntry(entry, 'symlink', 0, target.toString('latin1')));
}

/** The content, and with each piece of it how many packed bytes were used. */
async function* unpacked(
  file: FileHandle,
  start: number,
  entry: ZipEntry,
): AsyncGenerator<{ readonly chunk: Buffer; readonly packed: number }> {
  const raw = pieces(file, start, entry.packed);
  if (entry.method === 0) {
    let packed = 0;
    for await (const chunk of raw) {
      packed += chunk.length;
      yield { chunk, packed };
    }
    return;
  }
  if (entry.packed === 0) return;
  const inflate = createInflateRaw({ chunkSize: CHUNK });
  const feed = Readable.from(raw, { objectMode: false });
  feed.on('error', (error) => inflate.destroy(error)).pipe(inflate);
  try {
    for await (const chunk of inflate as AsyncIterable<Buffer>) yield { chunk, packed: inflate.bytesWritten };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code?.startsWith('Z_') !== true) throw error;
    throw bad(entry, 'is damaged', error);
  } finally {
    feed.destroy();
    inflate.destroy();
  }
}

async function* pieces(file: FileHandle, start: number, length: number): AsyncGenerator<Buffer> {
  for (let done = 0; done < length; done += CHUNK) {
    yield await readAt(file, start + done, Math.min(CHUNK, length - done));
  }
}

function tarEntry(entry: ZipEntry, type: TarEntry['type'], size: number, linkName: string): TarEntry {
  return {
    name: entry.name,
    type,
    mode: type === 'symlink' ? 0o777 : entry.mode,
    // A zip has no owners: the files belong to the current user.
    uid: process.getuid?.() ?? 0,
    gid: process.getgid?.() ?? 0,
    size,
    mtime: entry.mtime,
    mtimeNs: 0,
    linkName,
    devMajor: 0,
    devMinor: 0,
    xattrs: undefined,
    sparse: undefined,
  };
}

function wrongSize(entry: ZipEntry): CtxsrcError {
  return bad(entry, 'has not the size that it says');
}

function bad({ name }: ZipEntry, problem: string, cause?: unknown): CtxsrcError {
  return new CtxsrcError('E_ARCHIVE_INVALID', `the zip entry ${shortened(name)} ${problem}`, {
    cause,
    hint: DAMAGED_HINT,
  });
}
