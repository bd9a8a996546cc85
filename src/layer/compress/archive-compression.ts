/** How whole archives are compressed: layers know gzip and zstd, other tools take more. */
import type { Compression } from '../../oci/media-types.ts';
import { decompress, detectCompression } from './decompress.ts';
import { decompressByProgram } from './program.ts';

export type ArchiveCompression = Compression | 'xz' | 'bzip2';

const XZ = Buffer.from('\xfd7zXZ\0', 'latin1');
/** `BZh`, a digit, and the beginning of a block or of the end: a text that begins with `BZh` is none. */
const BZIP2 = /^BZh[1-9](?:1AY&SY|\x17rE8P\x90)/;

/** What the first bytes say; 512 of them are enough. */
export function archiveCompression(start: Buffer): ArchiveCompression {
  if (start.subarray(0, XZ.length).equals(XZ)) return 'xz';
  return BZIP2.test(start.toString('latin1', 0, 10)) ? 'bzip2' : detectCompression(start);
}

/** What `input` decompresses to. @throws CtxsrcError `E_ARCHIVE_INVALID`, `E_LIMIT`, `E_CONFIG` where a program is missing */
export function decompressArchive(
  signal: AbortSignal,
  input: AsyncIterable<Buffer>,
  compression: ArchiveCompression,
  maxRatio: number,
): AsyncIterable<Buffer> {
  return compression === 'xz' || compression === 'bzip2'
    ? decompressByProgram(compression, signal, input, maxRatio)
    : decompress(input, compression, maxRatio);
}
