/** The digest of one file, read synchronously: what hashing workers do, and the main thread for small trees. */
import { createHash, hash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { entryHeader } from './entry-header.ts';
import type { Native, NativeStat } from './native.ts';
import { readXattrs } from './xattrs.ts';

/** A file as it was seen by the walk: what goes into its header, and what tells that it has changed since. */
export interface FileTask {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly ino: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
}

export interface FileDigest {
  /** Hex sha256 of header and content. */
  readonly digest: string;
  /** An extended attribute could not be read. */
  readonly incomplete: boolean;
}

/** Room for the content that is read at once; a longer file is hashed in pieces of this size. */
const CHUNK = 1 << 20;
/** Headers are about 100 bytes; extended attributes may make them longer, and then the content is hashed apart. */
const HEADER_ROOM = 4096;

// A file that was replaced by a link, a fifo or a terminal since the walk is not followed, waited for or taken over.
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;

let scratch: Buffer | undefined;

/**
 * Reads and hashes a file. Undefined when it is no longer (or not to its end) what the walk saw: the caller looks again.
 * @throws errors of `node:fs`, for instance `EACCES`
 */
export function digestFile(path: string | Buffer, task: FileTask, native: Native | undefined): FileDigest | undefined {
  let incomplete = false;
  const digest = digestOpened(path, task, native, (fd) => {
    const seen = native === undefined ? NOT_SEEN : readXattrs(native, fd);
    incomplete = seen.incomplete;
    const { mode, uid, gid, size } = task;
    return entryHeader({ type: 'file', mode, uid, gid, size, xattrs: seen.xattrs });
  });
  return digest === undefined ? undefined : { digest, incomplete };
}

/** As `digestFile`, but hex sha256 of the content alone. */
export function digestFileContent(path: string | Buffer, task: FileTask): string | undefined {
  return digestOpened(path, task, undefined, () => '');
}

function digestOpened(
  path: string | Buffer,
  task: FileTask,
  native: Native | undefined,
  headerOf: (fd: number) => string,
): string | undefined {
  const fd = open(path);
  if (fd === undefined) return undefined;
  try {
    const digest = digestContent(fd, headerOf(fd), task.size);
    const stat = native?.capabilities.stat === true ? native.fstat(fd) : fstatSync(fd);
    return digest !== undefined && isUnchanged(stat, task) ? digest : undefined;
  } finally {
    closeSync(fd);
  }
}

const NOT_SEEN = { xattrs: undefined, incomplete: false };

function open(path: string | Buffer): number | undefined {
  try {
    return openSync(path, FLAGS);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP' || code === 'ENXIO') return undefined;
    throw error;
  }
}

function digestContent(fd: number, header: string, size: number): string | undefined {
  scratch ??= Buffer.allocUnsafeSlow(HEADER_ROOM + CHUNK);
  if (header.length <= HEADER_ROOM && size <= CHUNK) {
    const end = header.length + size;
    let at = scratch.write(header, 0, 'latin1');
    for (let read = -1; at < end && read !== 0; at += read) read = readSync(fd, scratch, at, end - at, null);
    return at === end ? hash('sha256', scratch.subarray(0, end), 'hex') : undefined;
  }
  const running = createHash('sha256').update(header, 'latin1');
  let left = size;
  for (let read = -1; left > 0 && read !== 0; left -= read) {
    read = readSync(fd, scratch, 0, Math.min(left, scratch.length), null);
    running.update(scratch.subarray(0, read));
  }
  return left === 0 ? running.digest('hex') : undefined;
}

/** True when a file is still the one that was seen, with the same content as far as the system can tell. */
export function isUnchanged(stat: Stats | NativeStat, task: Omit<FileTask, 'mode' | 'uid' | 'gid'>): boolean {
  return (
    stat.size === task.size &&
    stat.mtimeMs === task.mtimeMs &&
    stat.ctimeMs === task.ctimeMs &&
    stat.ino === task.ino &&
    (stat.mode & constants.S_IFMT) === constants.S_IFREG
  );
}
