/** Compressions of whole archives: layers use gzip and zstd, other archives also xz and bzip2. */
import type { Compression } from '../../oci/media-types.ts';
import { decompress, detectCompression } from './decompress.ts';
import { decompressByProgram } from './program.ts';

export type ArchiveCompression = Compression | 'xz' | 'bzip2';

const XZ = Buffer.from('\xfd7zXZ\0', 'latin1');
/** `BZh`, a digit, and the start of a block or of the end: a text that just begins with `BZh` does not match. */
const BZIP2 = /^BZh[1-9](?:1AY&SY|\x17rE8P\x90)/;

/** The compression, by the first bytes; 512 are enough. */
export function archiveCompression(start: Buffer): ArchiveCompression {
  if (start.subarray(0, XZ.length).equals(XZ)) return 'xz';
  return BZIP2.test(start.toString('latin1', 0, 10)) ? 'bzip2' : detectCompression(start);
}

/**
 * The decompressed bytes of `input`.
 * @throws CtxsrcError `E_ARCHIVE_INVALID`, `E_LIMIT`, `E_CONFIG` if a program is missing
 */
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
