/** The digest of a file's bytes, without the header that the digests of keys begin with. */
import type { Digest } from '../../core/digest.ts';
import { ioError } from '../../core/errors.ts';
import { type ByteString, printableBytes } from '../../fs/byte-string.ts';
import type { DiskReader } from '../../fs/entry/tree-entry.ts';
import { digestFile } from '../../fs/file-digest.ts';

/** @throws CtxsrcError `E_IO`, `E_PERMISSION` */
export function bytesDigest(disk: DiskReader, path: ByteString): Digest {
  try {
    return digestFile(disk.full(path));
  } catch (error) {
    throw ioError(error, `cannot read ${printableBytes(path)}`);
  }
}
