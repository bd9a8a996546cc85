/** One 512-byte tar header: ustar (POSIX.1-1988), the GNU variant and earlier formats. Texts are byte strings. */
import { CtxsrcError } from '../../core/errors.ts';

export const BLOCK = 512;

/**
 * Type flags of the header. NUL is a file or directory in formats before POSIX, `S` a GNU sparse file, `V` GNU's label
 * of the archive; x, g, L and K describe other entries.
 */
const TYPES = {
  '\0': 'file',
  '0': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'char',
  '4': 'block',
  '5': 'dir',
  '6': 'fifo',
  '7': 'file',
  S: 'file',
  V: 'label',
  x: 'extended',
  g: 'extended',
  L: 'extended',
  K: 'extended',
} as const;
export type TypeFlag = keyof typeof TYPES;
export type ExtendedType = 'x' | 'g' | 'L' | 'K';

/** `label` is the name of the archive itself, not a file. */
export type EntryType = Exclude<(typeof TYPES)[TypeFlag], 'extended'>;

export interface Header {
  /** A byte string that includes the ustar prefix. */
  name: string;
  readonly type: TypeFlag;
  readonly mode: number;
  /** May be negative, as may `gid`. */
  uid: number;
  gid: number;
  /** Bytes that follow the header, not rounded up to blocks. */
  size: number;
  /** Whole seconds. */
  mtime: number;
  linkName: string;
  readonly devMajor: number;
  readonly devMinor: number;
}

/** The error `E_ARCHIVE_INVALID` for the archive or one of its entries. */
export function archiveError(
  what: string,
  options: { readonly cause?: unknown; readonly hint?: string } = {},
): CtxsrcError {
  return new CtxsrcError('E_ARCHIVE_INVALID', `the archive is invalid: ${what}`, options);
}

export function isZeroBlock(block: Buffer): boolean {
  for (let i = 0; i < BLOCK; i += 1) if (block[i] !== 0) return false;
  return true;
}

/** Reads the header at the beginning of `block`. @throws CtxsrcError `E_ARCHIVE_INVALID` */
export function parseHeader(block: Buffer): Header {
  verifyChecksum(block);
  const magic = block.toString('latin1', 257, 265);
  const posix = magic.startsWith('ustar\0');
  const gnu = magic === 'ustar  \0';
  let name = text(block, 0, 100);
  // In GNU's format these bytes are times and numbers of the sparse map.
  if (posix) {
    const prefix = text(block, 345, 155);
    if (prefix !== '') name = `${prefix}/${name}`;
  }
  const device = posix || gnu;
  return {
    name,
    type: typeFlag(block[156]!),
    mode: number(block, 100, 8, 'mode'),
    uid: number(block, 108, 8, 'owner', true),
    gid: number(block, 116, 8, 'group', true),
    size: number(block, 124, 12, 'size'),
    mtime: number(block, 136, 12, 'time', true),
    linkName: text(block, 157, 100),
    devMajor: device ? number(block, 329, 8, 'device number') : 0,
    devMinor: device ? number(block, 337, 8, 'device number') : 0,
  };
}

function typeFlag(byte: number): TypeFlag {
  const flag = String.fromCharCode(byte);
  if (Object.hasOwn(TYPES, flag)) return flag as TypeFlag;
  throw archiveError(`entry of the unknown type 0x${byte.toString(16).padStart(2, '0')}`);
}

/** True if the header describes another entry. */
export function isExtended(type: TypeFlag): type is ExtendedType {
  return TYPES[type] === 'extended';
}

/** What a header begins that is not extended. */
export function entryType({ type, name }: Header): EntryType {
  // Before POSIX a directory was a file whose name ends in a slash; the name may come from another header.
  return type === '\0' && name.endsWith('/') ? 'dir' : (TYPES[type] as EntryType);
}

function verifyChecksum(block: Buffer): void {
  let unsigned = 8 * 0x20;
  let negative = 0;
  for (let i = 0; i < BLOCK; i += 1) {
    // In the sum, the checksum field itself counts as spaces.
    if (i === 148) i = 156;
    const byte = block[i]!;
    unsigned += byte;
    negative += byte >> 7;
  }
  const stated = number(block, 148, 8, 'checksum');
  // Some old programs added signed characters.
  if (stated !== unsigned && stated !== unsigned - 256 * negative) throw archiveError('a header has a wrong checksum');
}

/** Bytes up to the first NUL. */
function text(block: Buffer, start: number, length: number): string {
  let end = start;
  while (end < start + length && block[end] !== 0) end += 1;
  return end === start ? '' : block.toString('latin1', start, end);
}

/** An octal number, or a big-endian one if the first bit is set (GNU). */
export function number(block: Buffer, start: number, length: number, what: string, signed = false): number {
  const first = block[start]!;
  if (first >= 0x80) return binaryNumber(block, start, length, what, signed);
  let i = start;
  const end = start + length;
  while (i < end && (block[i] === 0x20 || block[i] === 0)) i += 1;
  let value = 0;
  for (; i < end; i += 1) {
    const digit = block[i]! - 0x30;
    if (digit < 0 || digit > 7) break;
    value = value * 8 + digit;
  }
  for (; i < end; i += 1) {
    if (block[i] === 0) break;
    if (block[i] !== 0x20) throw archiveError(`a header has a malformed ${what}`);
  }
  return value;
}

function binaryNumber(block: Buffer, start: number, length: number, what: string, signed: boolean): number {
  const negative = (block[start]! & 0x40) !== 0;
  let value = BigInt(block[start]! & 0x7f);
  for (let i = start + 1; i < start + length; i += 1) value = (value << 8n) | BigInt(block[i]!);
  if (negative) value -= 1n << BigInt(8 * length - 1);
  if (value > BigInt(Number.MAX_SAFE_INTEGER) || value < (signed ? BigInt(Number.MIN_SAFE_INTEGER) : 0n)) {
    throw archiveError(`a header has a ${what} out of range`);
  }
  return Number(value);
}
