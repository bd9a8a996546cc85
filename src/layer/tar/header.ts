/** One 512-byte tar header: ustar (POSIX.1-1988), the GNU variant and earlier formats. Texts are byte strings. */
import { CtxsrcError } from '../../core/errors.ts';

export const BLOCK = 512;

/**
 * Type flags of the header. NUL is a file or directory in formats before POSIX, `S` a GNU sparse file, `V` GNU's label
 * of the archive; x, g, L and K describe other entries.
 */
const TYPE_FLAGS = ['\0', '0', '1', '2', '3', '4', '5', '6', '7', 'S', 'V', 'x', 'g', 'L', 'K'] as const;
export type TypeFlag = (typeof TYPE_FLAGS)[number];

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

export function isZeroBlock(block: Buffer, offset: number): boolean {
  for (let i = offset; i < offset + BLOCK; i += 1) if (block[i] !== 0) return false;
  return true;
}

/** Reads the header at `offset` of `block`. @throws CtxsrcError `E_ARCHIVE_INVALID` */
export function parseHeader(block: Buffer, offset: number): Header {
  verifyChecksum(block, offset);
  const magic = block.toString('latin1', offset + 257, offset + 265);
  const posix = magic.startsWith('ustar\0');
  const gnu = magic === 'ustar  \0';
  let name = text(block, offset, 100);
  // In GNU's format these bytes are times and numbers of the sparse map.
  if (posix) {
    const prefix = text(block, offset + 345, 155);
    if (prefix !== '') name = `${prefix}/${name}`;
  }
  const device = posix || gnu;
  return {
    name,
    type: typeFlag(block[offset + 156]!),
    mode: number(block, offset + 100, 8, 'mode'),
    uid: number(block, offset + 108, 8, 'owner', true),
    gid: number(block, offset + 116, 8, 'group', true),
    size: number(block, offset + 124, 12, 'size'),
    mtime: number(block, offset + 136, 12, 'time', true),
    linkName: text(block, offset + 157, 100),
    devMajor: device ? number(block, offset + 329, 8, 'device number') : 0,
    devMinor: device ? number(block, offset + 337, 8, 'device number') : 0,
  };
}

function typeFlag(byte: number): TypeFlag {
  const flag = TYPE_FLAGS.find((known) => known.charCodeAt(0) === byte);
  if (flag === undefined) throw archiveError(`entry of the unknown type 0x${byte.toString(16).padStart(2, '0')}`);
  return flag;
}

function verifyChecksum(block: Buffer, offset: number): void {
  let unsigned = 8 * 0x20;
  let negative = 0;
  for (let i = 0; i < BLOCK; i += 1) {
    // In the sum, the checksum field itself counts as spaces.
    if (i === 148) i = 156;
    const byte = block[offset + i]!;
    unsigned += byte;
    negative += byte >> 7;
  }
  const stated = number(block, offset + 148, 8, 'checksum');
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
