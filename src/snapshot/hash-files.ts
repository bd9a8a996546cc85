import { createHash } from 'node:crypto';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import type { Digest } from '../core/digest.ts';

const CHUNK = 1024 * 1024;
/** Bytes hashed between two turns of the event loop; an opened file counts as some. */
const TURN = 16 * 1024 * 1024;
const OPEN_COST = 64 * 1024;

/**
 * `sha256:` of each file's content; undefined for one that is no longer there, `unreadable` where this user may not.
 * @param onBytes told how many bytes are done so far
 */
export async function hashFiles(
  files: readonly { readonly path: string | Buffer; readonly size: number }[],
  signal: AbortSignal | undefined,
  onBytes: (total: number) => void,
): Promise<(Digest | 'unreadable' | undefined)[]> {
  const buffer = Buffer.allocUnsafe(CHUNK);
  const digests: (Digest | 'unreadable' | undefined)[] = [];
  let bytes = 0;
  let turn = 0;
  for (const { path, size } of files) {
    digests.push(hashFile(path, buffer));
    bytes += size;
    turn += size + OPEN_COST;
    if (turn > TURN) {
      turn = 0;
      onBytes(bytes);
      await setImmediate();
      signal?.throwIfAborted();
    }
  }
  onBytes(bytes);
  return digests;
}

function hashFile(path: string | Buffer, buffer: Buffer): Digest | 'unreadable' | undefined {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EACCES') return 'unreadable';
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') return undefined;
    throw error;
  }
  try {
    const hash = createHash('sha256');
    for (let length = readSync(fd, buffer); length > 0; length = readSync(fd, buffer)) {
      hash.update(length === buffer.length ? buffer : buffer.subarray(0, length));
    }
    return `sha256:${hash.digest('hex')}`;
  } finally {
    closeSync(fd);
  }
}
