/** The digest of a file's bytes, without the header that the digests of keys begin with. */
import { createHash } from 'node:crypto';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import type { Digest } from '../../core/digest.ts';
import { ioError } from '../../core/errors.ts';
import { type ByteString, printableBytes } from '../../fs/byte-string.ts';
import type { DiskReader } from '../../fs/entry/tree-entry.ts';

const PIECE = 256 * 1024;

/** @throws CtxsrcError `E_IO`, `E_PERMISSION` */
export function bytesDigest(disk: DiskReader, path: ByteString): Digest {
  const buffer = Buffer.allocUnsafe(PIECE);
  const hash = createHash('sha256');
  try {
    const fd = openSync(disk.full(path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      for (let read = readSync(fd, buffer); read > 0; read = readSync(fd, buffer))
        hash.update(buffer.subarray(0, read));
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw ioError(error, `cannot read ${printableBytes(path)}`);
  }
  return `sha256:${hash.digest('hex')}`;
}
