/**
 * The tar of a layer that is made from files, in format 1: for ever the same bytes for the same entries, on every
 * machine. Nothing in here may change without a new number; docs/push.md has the rules.
 */

import type { Xattrs } from '../../contract/entry.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { type ByteString, isUtf8, printableBytes } from '../../fs/byte-string.ts';

export const FORMAT = 1;
/** 1980-01-02T00:00:00Z: tools that make zip archives refuse what is older than 1980, in any time zone. */
export const FIXED_TIME = 315_619_200;
/** The latest time that a header has room for. */
export const LAST_TIME = 0o77777777777;

/** What the content key of a directory is made of. Hard links are files of their own, for the key knows none. */
export interface LayerEntry {
  /** Relative, without a slash at its end. */
  readonly path: ByteString;
  readonly type: 'file' | 'dir' | 'symlink' | 'char' | 'block' | 'fifo';
  readonly mode: number;
  /** Bytes of a file. */
  readonly size: number;
  /** The text of a symlink, `major:minor` of a device. */
  readonly target?: ByteString | undefined;
  readonly xattrs?: Xattrs | undefined;
}

const BLOCK = 512;
const RECORD = 20 * BLOCK;
const MOST_SIZE = 0o77777777777;
const NAME_LENGTH = 100;
/** More is refused by readers in Go. */
const MOST_RECORDS = 1 << 20;
const SYMLINK_MODE = 0o777;
const TYPE_FLAGS = { file: '0', symlink: '2', char: '3', block: '4', dir: '5', fifo: '6' } as const;
const EXTENDED = 'x';

/** The directory that everything lies in. */
export const ROOT: LayerEntry = { path: '.', type: 'dir', mode: 0o755, size: 0 };

/**
 * The blocks before an entry's content.
 * @param time in seconds since 1970
 * @throws CtxsrcError `E_UNSAFE` for what a layer cannot hold
 */
export function headerOf(entry: LayerEntry, time: number): Buffer {
  refuseUnfit(entry);
  const name = entry.type === 'dir' ? `${entry.path}/` : entry.path;
  const link = entry.type === 'symlink' ? (entry.target ?? '') : '';
  const size = entry.type === 'file' ? entry.size : 0;
  const records = recordsOf(entry, name, link, size);
  if (records.length > MOST_RECORDS) {
    throw unfit(entry.path, 'has extended attributes of more than 1 MiB');
  }
  const header = block({
    name: shortened(name),
    flag: TYPE_FLAGS[entry.type],
    mode: entry.type === 'symlink' ? SYMLINK_MODE : entry.mode,
    size: size > MOST_SIZE ? 0 : size,
    link: shortened(link),
    device: entry.type === 'char' || entry.type === 'block' ? entry.target : undefined,
    time,
  });
  if (records.length === 0) return header;
  const before = { name: 'PaxHeader', flag: EXTENDED, mode: 0o644, size: records.length, link: '', time };
  return Buffer.concat([
    block(before),
    Buffer.from(records, 'latin1'),
    Buffer.alloc(paddingOf(records.length)),
    header,
  ]);
}

/** The number of zeros after so many bytes of content. */
export function paddingOf(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

/** The number of zeros at the end of an archive: two blocks, and what fills the last record. */
export function endOf(length: number): number {
  const end = length + 2 * BLOCK;
  return 2 * BLOCK + ((RECORD - (end % RECORD)) % RECORD);
}

interface Block {
  readonly name: ByteString;
  readonly flag: string;
  readonly mode: number;
  readonly size: number;
  readonly link: ByteString;
  readonly device?: string | undefined;
  readonly time: number;
}

/** A header of POSIX.1-2001 (`pax`, "ustar Interchange Format"). */
function block({ name, flag, mode, size, link, device = '0:0', time }: Block): Buffer {
  const [major = 0, minor = 0] = device.split(':').map(Number);
  const bytes = Buffer.alloc(BLOCK);
  bytes.write(name, 0, 'latin1');
  bytes.write(octal(mode, 7), 100, 'latin1');
  bytes.write(octal(0, 7), 108, 'latin1');
  bytes.write(octal(0, 7), 116, 'latin1');
  bytes.write(octal(size, 11), 124, 'latin1');
  bytes.write(octal(time, 11), 136, 'latin1');
  bytes.write('        ', 148, 'latin1');
  bytes.write(flag, 156, 'latin1');
  bytes.write(link, 157, 'latin1');
  bytes.write('ustar\x0000', 257, 'latin1');
  bytes.write(octal(major, 7), 329, 'latin1');
  bytes.write(octal(minor, 7), 337, 'latin1');
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  bytes.write(`${octal(sum, 6)}\0 `, 148, 'latin1');
  return bytes;
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0');
}

/** The PAX records of what the header has no room for, in a fixed order. */
function recordsOf({ path, xattrs }: LayerEntry, name: ByteString, link: ByteString, size: number): ByteString {
  let records = '';
  // Names are UTF-8 in PAX unless this record says that they are bytes.
  if (!isUtf8(name) || !isUtf8(link)) records += record('hdrcharset', 'BINARY');
  if (!fits(name)) records += record('path', name);
  if (!fits(link)) records += record('linkpath', link);
  if (size > MOST_SIZE) records += record('size', String(size));
  for (const [attribute, value] of [...(xattrs ?? [])].sort(([a], [b]) => (a < b ? -1 : 1))) {
    // Readers in Go take an empty value for none at all.
    if (attribute.includes('=') || value === '') {
      throw unfit(
        path,
        `has the extended attribute ${printableBytes(attribute)}${value === '' ? ' without a value' : ''}`,
      );
    }
    records += record(`SCHILY.xattr.${attribute}`, value);
  }
  return records;
}

/** `<length> <keyword>=<value>\n`; the length includes its own digits. */
function record(keyword: ByteString, value: ByteString): ByteString {
  const rest = ` ${keyword}=${value}\n`;
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return `${length}${rest}`;
}

function fits(name: ByteString): boolean {
  return name.length <= NAME_LENGTH && /^[\x20-\x7e]*$/.test(name);
}

/** A name that fits; a longer one is in a PAX record, and this is a hint for readers without PAX. */
function shortened(name: ByteString): ByteString {
  if (fits(name)) return name;
  return name
    .slice(0, NAME_LENGTH)
    .replaceAll(/[^\x20-\x7e]/g, '_')
    .replace(/\/$/, '_');
}

/** In layers such a name removes another file. */
const WHITEOUT = '.wh.';

function refuseUnfit({ path }: LayerEntry): void {
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (name.startsWith(WHITEOUT))
    throw unfit(path, `has a name that begins with ${WHITEOUT}, which removes files in a layer`);
}

function unfit(path: ByteString, what: string): CtxsrcError {
  return new CtxsrcError('E_UNSAFE', `no layer can hold ${printableBytes(path)}: it ${what}`, {
    hint: 'remove it, or leave it out with --exclude or the ignore file',
  });
}
