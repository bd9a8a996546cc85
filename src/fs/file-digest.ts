/** The digest of a whole file. Synchronous, because a promise per file costs more than a small file. */
import { createHash } from 'node:crypto';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import type { Digest } from '../core/digest.ts';

const BUFFER_SIZE = 1 << 20;
let buffer: Buffer | undefined;

/**
 * Follows no link, and does not wait for a pipe.
 * @param signal looked at between two pieces
 * @throws errors of the system unchanged; the reason of the abort
 */
export function digestFile(path: string | Buffer, signal?: AbortSignal): Digest {
  buffer ??= Buffer.allocUnsafeSlow(BUFFER_SIZE);
  const hash = createHash('sha256');
  const fd = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
  try {
    for (let length = readSync(fd, buffer); length > 0; length = readSync(fd, buffer)) {
      hash.update(buffer.subarray(0, length));
      signal?.throwIfAborted();
    }
  } finally {
    closeSync(fd);
  }
  return `sha256:${hash.digest('hex')}`;
}
