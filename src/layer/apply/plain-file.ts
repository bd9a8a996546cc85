/** The common case of a file: its whole content is in memory, and it needs only a mode and whole seconds. */
import { hash } from 'node:crypto';
import { closeSync, constants, fchmodSync, futimesSync, openSync } from 'node:fs';
import { writeAllSync } from '../../fs/write/write-all.ts';

const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

export interface PlainFile {
  /** As returned by `at` of `fs/write/confined.ts`. */
  readonly path: string | Buffer;
  readonly mode: number;
  /** The umask would remove bits of the mode. */
  readonly chmod: boolean;
  readonly mtime: number;
  readonly content: Buffer;
}

/**
 * Creates the file, which must not exist.
 * @returns the sha256 of its content as a byte string: making a buffer would take longer than hashing a small file
 */
export function writePlainFile({ path, mode, chmod, mtime, content }: PlainFile): string {
  const fd = openSync(path, CREATE, mode);
  try {
    writeAllSync(fd, content);
    if (chmod) fchmodSync(fd, mode);
    futimesSync(fd, mtime, mtime);
  } finally {
    closeSync(fd);
  }
  return hash('sha256', content, 'binary');
}
