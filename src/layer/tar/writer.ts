/**
 * Writes an archive entry by entry, with constant memory. Headers are made by the `tar` package. What they have no room
 * for (long or non-ASCII names, large numbers, fractions of a second, extended attributes) goes into a PAX header
 * before the entry; its records are written here, because `tar` supports none for extended attributes.
 *
 * The same entries give the same bytes: there are no user or group names, no access times, and no process or host in
 * any name.
 */
import { open } from 'node:fs/promises';
import type { Header } from 'tar';
import type { Entry } from '../../contract/entry.ts';
import { isUtf8 } from '../../fs/byte-string.ts';
import { joinTime } from '../../fs/entry/time.ts';

/** An entry to write, with the owners for the archive. */
export interface ArchiveEntry extends Entry {
  /** The content of a file: the path of a file of `size` bytes, or the bytes. */
  readonly content?: string | Uint8Array | AsyncIterable<Uint8Array> | undefined;
}

type HeaderType =
  NonNullable<ConstructorParameters<typeof Header>[0]> extends infer Data
    ? Data extends { type?: infer Type }
      ? Type
      : never
    : never;

const TYPES: Readonly<Record<Entry['type'], HeaderType>> = {
  file: 'File',
  dir: 'Directory',
  symlink: 'SymbolicLink',
  hardlink: 'Link',
  char: 'CharacterDevice',
  block: 'BlockDevice',
  fifo: 'FIFO',
};

const BLOCK = 512;
/** The record size of archives; GNU tar fills its last record. */
const RECORD = 20 * BLOCK;
/** Small pieces are gathered up to this size in bytes. */
const GATHER = 256 << 10;
const READ_SIZE = 1 << 20;
/** The largest number in the seven octal digits of an owner field. */
const MOST_OWNER = 0o7777777;
const MOST_SIZE = 0o77777777777;
const SECOND = 1_000_000_000n;

/**
 * The archive of the entries, in their order.
 * @throws Error if a file's size differs from its entry; errors of the system unchanged
 */
export async function* writeTar(entries: Iterable<ArchiveEntry> | AsyncIterable<ArchiveEntry>): AsyncGenerator<Buffer> {
  const { Header: TarHeader } = await import('tar');
  let gathered: Uint8Array[] = [];
  let size = 0;
  let total = 0;
  const take = (): Buffer => {
    const buffer = Buffer.concat(gathered, size);
    gathered = [];
    size = 0;
    return buffer;
  };
  for await (const entry of entries) {
    for await (const piece of writeEntry(entry, TarHeader)) {
      gathered.push(piece);
      size += piece.length;
      total += piece.length;
      if (size >= GATHER) yield take();
    }
  }
  const end = total + 2 * BLOCK;
  const fill = (RECORD - (end % RECORD)) % RECORD;
  gathered.push(new Uint8Array(2 * BLOCK + fill));
  size += 2 * BLOCK + fill;
  yield take();
}

async function* writeEntry(entry: ArchiveEntry, TarHeader: typeof Header): AsyncGenerator<Uint8Array> {
  const header = (data: ConstructorParameters<typeof Header>[0]): Buffer => {
    const block = Buffer.alloc(BLOCK);
    new TarHeader(data).encode(block, 0);
    return block;
  };
  const name = nameOf(entry);
  const link = targetOf(entry);
  const size = entry.type === 'file' ? entry.size : 0;
  const records = paxRecords(entry, name, link, size);
  if (records.length > 0) {
    yield header({ path: 'PaxHeader', type: 'ExtendedHeader', mode: 0o644, uid: 0, gid: 0, size: records.length });
    yield records;
    yield padding(records.length);
  }
  const [major, minor] = (entry.target ?? '').split(':').map(Number);
  const isDevice = entry.type === 'char' || entry.type === 'block';
  yield header({
    path: shortened(name),
    linkpath: link === undefined ? '' : shortened(link),
    type: TYPES[entry.type],
    mode: entry.mode,
    uid: Math.min(entry.uid, MOST_OWNER),
    gid: Math.min(entry.gid, MOST_OWNER),
    size: Math.min(size, MOST_SIZE),
    mtime: new Date(Math.min(Math.max(entry.mtime, 0), MOST_SIZE) * 1000),
    ...(isDevice ? { devmaj: major ?? 0, devmin: minor ?? 0 } : {}),
  });
  if (size === 0) return;
  let written = 0;
  for await (const piece of contentOf(entry)) {
    written += piece.length;
    if (written > size) break;
    yield piece;
  }
  if (written !== size) throw new Error(`${entry.path} changed its size while it was archived`);
  yield padding(size);
}

/** The bytes of a name; those of a directory end in a slash. */
function nameOf({ path, type }: ArchiveEntry): Buffer {
  return Buffer.from(type === 'dir' ? `${path}/` : path, 'latin1');
}

function targetOf({ type, target = '' }: ArchiveEntry): Buffer | undefined {
  return type === 'symlink' || type === 'hardlink' ? Buffer.from(target, 'latin1') : undefined;
}

/** A name that fits the header; longer names are in the PAX header, and this is only a hint for old readers. */
function shortened(bytes: Buffer): string {
  const text = bytes
    .subarray(0, 100)
    .toString('latin1')
    .replaceAll(/[^\x20-\x7e]/g, '_');
  return fits(bytes) ? text : text.replace(/\/$/, '_');
}

function fits(bytes: Buffer): boolean {
  return bytes.length <= 100 && bytes.every((byte) => byte >= 0x20 && byte < 0x7f);
}

function paxRecords(entry: ArchiveEntry, name: Buffer, link: Buffer | undefined, size: number): Buffer {
  const records: Buffer[] = [];
  const add = (keyword: string, value: Buffer | string): void => {
    records.push(record(keyword, typeof value === 'string' ? Buffer.from(value) : value));
  };
  // Names are UTF-8 in PAX unless this record says that they are bytes.
  if (!isUtf8(entry.path) || !isUtf8(entry.target ?? '')) add('hdrcharset', 'BINARY');
  if (!fits(name)) add('path', name);
  if (link !== undefined && !fits(link)) add('linkpath', link);
  if (entry.uid > MOST_OWNER) add('uid', String(entry.uid));
  if (entry.gid > MOST_OWNER) add('gid', String(entry.gid));
  if (size > MOST_SIZE) add('size', String(size));
  const { mtime, mtimeNs } = entry;
  if (mtimeNs !== 0 || mtime < 0 || mtime > MOST_SIZE) add('mtime', decimalSeconds(joinTime(entry)));
  for (const [attribute, value] of [...(entry.xattrs ?? [])].sort(([a], [b]) => (a < b ? -1 : 1))) {
    add(`SCHILY.xattr.${attribute}`, Buffer.from(value, 'latin1'));
  }
  return Buffer.concat(records);
}

/** `<length> <keyword>=<value>\n`; the length includes its own digits. */
function record(keyword: string, value: Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${keyword}=`, 'latin1'), value, Buffer.from('\n')]);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

function decimalSeconds(time: bigint): string {
  const sign = time < 0n ? '-' : '';
  const positive = time < 0n ? -time : time;
  const fraction = String(positive % SECOND)
    .padStart(9, '0')
    .replace(/0+$/, '');
  return `${sign}${positive / SECOND}${fraction === '' ? '' : `.${fraction}`}`;
}

async function* contentOf({ content }: ArchiveEntry): AsyncGenerator<Uint8Array> {
  if (content === undefined) return;
  if (content instanceof Uint8Array) {
    yield content;
  } else if (typeof content !== 'string') {
    yield* content;
  } else {
    // A path is a byte string here.
    const file = await open(Buffer.from(content, 'latin1'), 'r');
    try {
      for (;;) {
        const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(READ_SIZE), 0, READ_SIZE);
        if (bytesRead === 0) return;
        yield buffer.subarray(0, bytesRead);
      }
    } finally {
      await file.close();
    }
  }
}

function padding(size: number): Uint8Array {
  return new Uint8Array((BLOCK - (size % BLOCK)) % BLOCK);
}
