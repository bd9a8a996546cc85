/** The common case of a file: its whole content is in memory, and nothing that it needs can be refused. */
import { hash } from 'node:crypto';
import { closeSync, constants, fchmodSync, fchownSync, futimesSync, openSync } from 'node:fs';
import type { Owner, Time } from '../../contract/entry.ts';
import { joinTime } from '../../fs/entry/time.ts';
import { loadNative } from '../../fs/native/native.ts';
import { writeAllSync } from '../../fs/write/write-all.ts';

const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/** What a plain file gets. A fraction of a second needs the native package. */
export interface PlainMetadata extends Owner, Time {
  readonly mode: number;
  /** The umask would remove bits of the mode. */
  readonly chmod: boolean;
  /** The process would create it for another owner. */
  readonly chown: boolean;
}

export interface PlainFile {
  /** As returned by `at` of `fs/write/confined.ts`. */
  readonly path: string | Buffer;
  readonly metadata: PlainMetadata;
  readonly content: Buffer;
}

/**
 * Creates the file, which must not exist.
 * @returns the sha256 of its content as a byte string: making a buffer would take longer than hashing a small file
 */
export function writePlainFile({ path, metadata, content }: PlainFile): string {
  const { mode, chmod, chown, uid, gid, mtime, mtimeNs } = metadata;
  const fd = openSync(path, CREATE, mode);
  try {
    writeAllSync(fd, content);
    if (chown) fchownSync(fd, uid, gid);
    if (chmod) fchmodSync(fd, mode);
    if (mtimeNs === 0) futimesSync(fd, mtime, mtime);
    else {
      const time = joinTime({ mtime, mtimeNs });
      loadNative()!.setTimes(fd, time, time);
    }
  } finally {
    closeSync(fd);
  }
  return hash('sha256', content, 'binary');
}
