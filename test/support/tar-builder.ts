/**
 * Builds tar archives header by header, well-formed or not: ustar, PAX records, GNU long names, sparse files, wrong
 * checksums, wrong sizes. The same entries always give the same bytes.
 */

type TarType = 'file' | 'dir' | 'symlink' | 'hardlink' | 'char' | 'block' | 'fifo';

const TYPEFLAG: Record<TarType, string> = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  char: '3',
  block: '4',
  dir: '5',
  fifo: '6',
};

interface TarSparse {
  /** How the map is written: GNU's old `S` header, or PAX in one of its three versions. */
  readonly format: 'gnu' | '0.0' | '0.1' | '1.0';
  /** Length of the file with its holes. */
  readonly realSize: number;
  /** Offset and length of each piece of data; `content` holds the pieces one after another. GNU tar wants all lengths but the last to be multiples of 512. */
  readonly map: readonly (readonly [offset: number, length: number])[];
}

export interface TarEntry {
  /** Text (UTF-8) or the bytes themselves. */
  readonly name: string | Uint8Array;
  readonly type?: TarType | undefined;
  /** Raw type flag, for what `type` has no word for; wins over `type`. */
  readonly typeflag?: string | undefined;
  /** 0644 for files, 0755 for directories, 0777 for symlinks unless given. */
  readonly mode?: number | undefined;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  readonly uname?: string | undefined;
  readonly gname?: string | undefined;
  /** Seconds; 1700000000 unless given. A fraction goes into a PAX record. */
  readonly mtime?: number | undefined;
  readonly linkname?: string | Uint8Array | undefined;
  readonly devmajor?: number | undefined;
  readonly devminor?: number | undefined;
  readonly content?: string | Uint8Array | undefined;
  /** The size field, when it shall not be the content's length. */
  readonly size?: number | undefined;
  /** PAX records before the entry, verbatim, in this order. */
  readonly pax?: Readonly<Record<string, string | Uint8Array>> | undefined;
  /** Extended attributes, as `SCHILY.xattr.` records. */
  readonly xattrs?: Readonly<Record<string, string | Uint8Array>> | undefined;
  /** How names over 100 bytes are written: `auto` splits them (ustar) where possible, else PAX. */
  readonly long?: 'auto' | 'pax' | 'gnu' | undefined;
  /** `gnu`: the magic of old GNU tar. */
  readonly magic?: 'ustar' | 'gnu' | 'v7' | undefined;
  readonly sparse?: TarSparse | undefined;
  /** Alters the 512 bytes before the checksum is made. */
  readonly raw?: ((header: Buffer) => void) | undefined;
  /** Alters the 512 bytes after the checksum was made. */
  readonly rawAfter?: ((header: Buffer) => void) | undefined;
}

/** The archive; two zero blocks at its end unless `end` is false. */
export function tar(entries: readonly TarEntry[], options: { readonly end?: boolean } = {}): Buffer {
  const parts = entries.map(tarEntry);
  if (options.end !== false) parts.push(Buffer.alloc(1024));
  return Buffer.concat(parts);
}

/** One entry with what precedes it (PAX or GNU headers) and its padded content. */
export function tarEntry(entry: TarEntry): Buffer {
  const type = entry.type ?? 'file';
  const pax = new Map<string, Uint8Array>();
  const parts: Buffer[] = [];
  let name = bytes(entry.name);
  let link = bytes(entry.linkname ?? '');
  let prefix: Buffer = Buffer.alloc(0);
  const long = entry.long ?? 'auto';

  if (name.length > 100) {
    const split = long === 'auto' ? ustarSplit(name) : undefined;
    if (split !== undefined) {
      prefix = name.subarray(0, split);
      name = name.subarray(split + 1);
    } else if (long === 'gnu') {
      parts.push(gnuLong('L', name));
    } else {
      pax.set('path', name);
    }
  }
  if (link.length > 100) {
    if (long === 'gnu') parts.push(gnuLong('K', link));
    else pax.set('linkpath', link);
  }
  name = name.subarray(0, 100);
  link = link.subarray(0, 100);

  let content = bytes(entry.content ?? '');
  const mtime = entry.mtime ?? 1_700_000_000;
  if (!Number.isInteger(mtime) || mtime < 0) pax.set('mtime', bytes(String(mtime)));
  for (const [key, value] of Object.entries(entry.xattrs ?? {})) pax.set(`SCHILY.xattr.${key}`, bytes(value));

  const sparse = entry.sparse;
  let sparseHeader: ((header: Buffer) => Buffer) | undefined;
  const sparseRecords: [string, Uint8Array][] = [];
  if (sparse?.format === 'gnu') {
    sparseHeader = (header) => gnuSparse(header, sparse);
  } else if (sparse !== undefined) {
    content = paxSparse(sparse, content, name, sparseRecords);
    if (sparse.format !== '0.0') name = bytes('GNUSparseFile.0/sparse');
  }

  const records = [...sparseRecords, ...pax, ...Object.entries(entry.pax ?? {})];
  if (records.length > 0) parts.push(paxHeader('x', records));

  const header = Buffer.alloc(512);
  name.copy(header, 0);
  octal(header, 100, 8, entry.mode ?? (type === 'dir' ? 0o755 : type === 'symlink' ? 0o777 : 0o644));
  octal(header, 108, 8, entry.uid ?? 0);
  octal(header, 116, 8, entry.gid ?? 0);
  octal(header, 124, 12, entry.size ?? content.length);
  octal(header, 136, 12, Math.max(0, Math.floor(mtime)));
  header.write(sparse?.format === 'gnu' ? 'S' : (entry.typeflag ?? TYPEFLAG[type]), 156, 'latin1');
  link.copy(header, 157);
  const magic = entry.magic ?? (sparse?.format === 'gnu' || long === 'gnu' ? 'gnu' : 'ustar');
  if (magic !== 'v7') {
    header.write(magic === 'gnu' ? 'ustar  \0' : 'ustar\x0000', 257, 'latin1');
    header.write(entry.uname ?? '', 265, 32, 'utf8');
    header.write(entry.gname ?? '', 297, 32, 'utf8');
    if (type === 'char' || type === 'block') {
      octal(header, 329, 8, entry.devmajor ?? 0);
      octal(header, 337, 8, entry.devminor ?? 0);
    }
    prefix.copy(header, 345);
  }
  const extension = sparseHeader?.(header);
  entry.raw?.(header);
  checksum(header);
  entry.rawAfter?.(header);
  parts.push(header);
  if (extension !== undefined) parts.push(extension);
  parts.push(padded(content));
  return Buffer.concat(parts);
}

/** A header of PAX records: `x` for the next entry, `g` for all that follow. */
export function paxHeader(flag: 'x' | 'g', records: Iterable<readonly [string, string | Uint8Array]>): Buffer {
  const body = Buffer.concat([...records].map(([key, value]) => paxRecord(key, bytes(value))));
  return Buffer.concat([simpleHeader('PaxHeaders.0/entry', flag, body.length), padded(body)]);
}

/** `LENGTH KEY=VALUE\n`, where LENGTH counts itself. */
function paxRecord(key: string, value: Uint8Array): Buffer {
  const rest = Buffer.concat([bytes(` ${key}=`), value, bytes('\n')]);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([bytes(String(length)), rest]);
}

/** The bytes padded with zeroes to a multiple of 512. */
export function padded(content: Uint8Array): Buffer {
  const rest = content.length % 512;
  return rest === 0 ? Buffer.from(content) : Buffer.concat([content, Buffer.alloc(512 - rest)]);
}

/** Writes the checksum of a header: the sum of its bytes with the field itself taken as blanks. */
export function checksum(header: Buffer): void {
  header.fill(0x20, 148, 156);
  let sum = 0;
  for (const byte of header) sum += byte;
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
}

/** A number field: octal, or base-256 where octal has no room (or for negative numbers). */
export function octal(header: Buffer, offset: number, length: number, value: number): void {
  const text = value >= 0 ? value.toString(8) : '';
  if (value >= 0 && text.length < length) {
    header.write(`${text.padStart(length - 1, '0')}\0`, offset, 'latin1');
    return;
  }
  let rest = BigInt(value);
  for (let i = offset + length - 1; i > offset; i--) {
    header[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  header[offset] = value < 0 ? 0xff : 0x80;
}

function simpleHeader(name: string, flag: string, size: number): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0, 'latin1');
  octal(header, 100, 8, 0o644);
  octal(header, 108, 8, 0);
  octal(header, 116, 8, 0);
  octal(header, 124, 12, size);
  octal(header, 136, 12, 0);
  header.write(flag, 156, 'latin1');
  header.write('ustar\x0000', 257, 'latin1');
  checksum(header);
  return header;
}

function gnuLong(flag: 'L' | 'K', value: Buffer): Buffer {
  const body = Buffer.concat([value, Buffer.alloc(1)]);
  const header = simpleHeader('././@LongLink', flag, body.length);
  header.write('ustar  \0', 257, 'latin1');
  checksum(header);
  return Buffer.concat([header, padded(body)]);
}

/** Where a name can be cut at a slash so that 155 bytes precede and 100 follow. */
function ustarSplit(name: Buffer): number | undefined {
  for (let i = Math.min(155, name.length - 2); i > 0; i--) {
    if (name[i] === 0x2f && name.length - i - 1 <= 100) return i;
  }
  return undefined;
}

function gnuSparse(header: Buffer, sparse: TarSparse): Buffer {
  const pieces = [...sparse.map];
  pieces.splice(0, 4).forEach(([offset, length], i) => {
    octal(header, 386 + i * 24, 12, offset);
    octal(header, 398 + i * 24, 12, length);
  });
  header[482] = pieces.length > 0 ? 1 : 0;
  octal(header, 483, 12, sparse.realSize);
  const blocks: Buffer[] = [];
  while (pieces.length > 0) {
    const block = Buffer.alloc(512);
    pieces.splice(0, 21).forEach(([offset, length], i) => {
      octal(block, i * 24, 12, offset);
      octal(block, i * 24 + 12, 12, length);
    });
    block[504] = pieces.length > 0 ? 1 : 0;
    blocks.push(block);
  }
  return Buffer.concat(blocks);
}

function paxSparse(sparse: TarSparse, content: Buffer, name: Buffer, records: [string, Uint8Array][]): Buffer {
  const add = (key: string, value: string | Uint8Array): number => records.push([`GNU.sparse.${key}`, bytes(value)]);
  if (sparse.format === '1.0') {
    add('major', '1');
    add('minor', '0');
    add('name', name);
    add('realsize', String(sparse.realSize));
    const lines = [sparse.map.length, ...sparse.map.flat()].map((n) => `${n}\n`).join('');
    return Buffer.concat([padded(bytes(lines)), content]);
  }
  add('size', String(sparse.realSize));
  add('numblocks', String(sparse.map.length));
  if (sparse.format === '0.1') {
    add('name', name);
    add('map', sparse.map.flat().join(','));
  } else {
    for (const [offset, length] of sparse.map) {
      add('offset', String(offset));
      add('numbytes', String(length));
    }
  }
  return content;
}

function bytes(value: string | Uint8Array): Buffer {
  return typeof value === 'string' ? Buffer.from(value, 'utf8') : Buffer.from(value);
}
