/**
 * The one way to read a small file that may come from a stranger (in a checkout, a layout, a home): it must be a
 * regular file, lie inside a given directory, and have an end. A link to `/dev/zero`, a pipe without a writer, a socket
 * or a file of gigabytes is refused before it can hang the program or fill the memory.
 *
 * Regular files are read synchronously: they are small, and loading the promises of `node:fs` alone would cost a key 5
 * ms.
 */
import { closeSync, constants, fstatSync, openSync, readSync, realpathSync, type Stats, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { CtxsrcError, ioError } from '../core/errors.ts';
import { printable } from '../core/printable.ts';
import { type ByteString, fsPath, textOfBytes } from './byte-string.ts';

/** Larger than any Dockerfile, ignore file, lock file or configuration that a person or a tool writes. */
const MAX_SMALL_FILE_BYTES = 16 << 20;
/** Bytes read at a time. */
const PIECE = 4 << 20;

export interface SmallFileOptions {
  /** The file, for messages, with its name as the user knows it: `the lock file ./ctxsrc.lock`. */
  readonly what: string;
  /** `MAX_SMALL_FILE_BYTES` by default. */
  readonly maxBytes?: number | undefined;
  /** The directory, absolute and without links, that the file must be in after links are followed. Absent: anywhere. */
  readonly within?: ByteString | undefined;
  /** What to type when the file is refused. */
  readonly hint?: string | undefined;
}

/** A regular file, open for reading. The caller closes it. */
export interface OpenFile {
  /** Absolute; without links if `within` was given. */
  readonly path: string;
  readonly size: number;
  readonly fd: number;
}

/**
 * Opens a regular file.
 * @throws CtxsrcError `E_UNSAFE` if it is not a regular file or leads out of `within`, `E_PATH_NOT_FOUND`,
 * `E_PERMISSION`, `E_IO`
 */
export function openRegular(path: string, options: SmallFileOptions): OpenFile {
  const { what, within, hint } = options;
  let fd: number | undefined;
  try {
    const bytes = within === undefined ? undefined : realpathSync.native(path, 'latin1');
    const real = bytes === undefined ? path : fsPath(bytes);
    if (within !== undefined && !isWithin(bytes!, within)) {
      throw new CtxsrcError('E_UNSAFE', `${what} is a link that leads out of ${printable(textOfBytes(within))}`, {
        hint,
      });
    }
    // Checked before opening: opening a device can have an effect, and opening a socket fails.
    let info = statSync(real);
    if (info.isFile()) {
      // The flags do not follow a link that was put there meanwhile, and do not wait for the writer of a pipe.
      const noFollow = within === undefined ? 0 : constants.O_NOFOLLOW;
      fd = openSync(real, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY | noFollow);
      info = fstatSync(fd);
    }
    if (!info.isFile()) throw new CtxsrcError('E_UNSAFE', `${what} is ${kindOf(info)}, not a regular file`, { hint });
    return { path: bytes === undefined ? path : textOfBytes(bytes), size: info.size, fd: fd! };
  } catch (error) {
    if (fd !== undefined) closeSync(fd);
    throw ioError(error, `cannot read ${what}`);
  }
}

/**
 * The content of a regular file.
 * @throws CtxsrcError `E_LIMIT` if it has more than `maxBytes`, and the errors of `openRegular`
 */
export function readSmallFileSync(path: string, options: SmallFileOptions): Buffer {
  return readOpened(openRegular(path, options), options);
}

/** As `readSmallFileSync`, for an open file, which is closed. */
export function readOpened(file: OpenFile, options: SmallFileOptions): Buffer {
  const { what, maxBytes = MAX_SMALL_FILE_BYTES, hint } = options;
  try {
    if (file.size > maxBytes) throw tooLarge(what, maxBytes, hint);
    // The size may be wrong (files of /proc have size 0, others grow), so the end of the file counts. One more byte
    // shows it.
    let buffer = Buffer.allocUnsafe(file.size + 1);
    let length = 0;
    for (;;) {
      const read = readSync(file.fd, buffer, length, Math.min(PIECE, buffer.length - length), length);
      if (read === 0) return buffer.subarray(0, length);
      length += read;
      if (length > maxBytes) throw tooLarge(what, maxBytes, hint);
      if (length === buffer.length) buffer = Buffer.concat([buffer, Buffer.allocUnsafe(Math.max(length, 4096))]);
    }
  } catch (error) {
    throw ioError(error, `cannot read ${what}`);
  } finally {
    closeSync(file.fd);
  }
}

/**
 * The content of a file that the user names: a regular file, or `-`, `/dev/stdin` or `/dev/fd/N`, read to its end
 * whatever its type.
 * @param path as the user wrote it, relative to `cwd`
 * @throws CtxsrcError as `readSmallFileSync`; the reason of the signal
 */
export async function readNamedFile(
  path: string,
  options: SmallFileOptions & { readonly cwd?: string | undefined; readonly signal?: AbortSignal | undefined },
): Promise<Buffer> {
  options.signal?.throwIfAborted();
  const fd = streamOf(path);
  if (fd === undefined) return readSmallFileSync(resolve(options.cwd ?? '', path), options);
  const { what, maxBytes = MAX_SMALL_FILE_BYTES, hint, signal } = options;
  let stream: Readable | undefined;
  const stop = () => stream?.destroy();
  try {
    stream = await openStream(fd);
    signal?.addEventListener('abort', stop);
    if (signal?.aborted) stop();
    const pieces: Buffer[] = [];
    let length = 0;
    for await (const piece of stream as AsyncIterable<Buffer>) {
      pieces.push(piece);
      length += piece.length;
      if (length > maxBytes) throw tooLarge(what, maxBytes, hint);
    }
    return Buffer.concat(pieces, length);
  } catch (error) {
    signal?.throwIfAborted();
    throw ioError(error, `cannot read ${what}`);
  } finally {
    signal?.removeEventListener('abort', stop);
    stream?.destroy();
  }
}

/** The file descriptor that a name means: `-`, `/dev/stdin`, `/dev/fd/N`; undefined for every other path. */
export function streamOf(path: string): number | undefined {
  if (path === '-' || path === '/dev/stdin') return 0;
  const number = /^\/(?:dev|proc\/self)\/fd\/(0|[1-9][0-9]{0,8})$/.exec(path)?.[1];
  return number === undefined ? undefined : Number(number);
}

/**
 * Pipes, sockets and terminals are not read in the thread pool: a read that waits there for a writer would keep the
 * process from ending.
 */
export async function openStream(fd: number): Promise<Readable> {
  const info = fstatSync(fd);
  const { isatty, ReadStream } = await import('node:tty');
  if (isatty(fd)) return new ReadStream(fd);
  if (info.isFIFO() || info.isSocket()) {
    const { Socket } = await import('node:net');
    return new Socket({ fd, readable: true, writable: false });
  }
  const { createReadStream } = await import('node:fs');
  return createReadStream('', { fd, autoClose: false });
}

function isWithin(path: ByteString, directory: ByteString): boolean {
  return path.startsWith(directory.endsWith('/') ? directory : `${directory}/`);
}

function tooLarge(what: string, maxBytes: number, hint: string | undefined): CtxsrcError {
  return new CtxsrcError('E_LIMIT', `${what} is larger than ${maxBytes} bytes, the most that is read`, { hint });
}

function kindOf(info: Stats): string {
  if (info.isDirectory()) return 'a directory';
  if (info.isFIFO()) return 'a pipe';
  if (info.isSocket()) return 'a socket';
  return 'a device';
}
