/** A tar file whose members are read in place, or in a copy if that is not possible. */
import { type BigIntStats, constants, existsSync, fstatSync, type Stats } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { JobContext, SourceEnv } from '../../contract/index.ts';
import { CtxsrcError, ioError, isCtxsrcError } from '../../core/errors.ts';
import { shellWord } from '../../core/shell-word.ts';
import { openStream, streamOf } from '../../fs/small-file.ts';
import { archiveCompression } from '../../layer/compress/archive-compression.ts';
import { readTarIndex, type TarIndex, type TarMember } from '../../layer/tar/index-of-members.ts';
import { spoolArchive } from './spool.ts';

const CHUNK = 1024 * 1024;

/** An open archive. `find` and `some` are those of its index. */
export interface ArchiveFile extends TarIndex {
  /** As the user wrote it. */
  readonly path: string;
  /** A whole member. @throws E_LIMIT over `maxBytes` */
  readMember(member: TarMember, maxBytes: number, what: string): Promise<Buffer>;
  /**
   * The bytes of a member from `start` on.
   * @throws E_ARCHIVE_INVALID if the file is not the one that was opened
   */
  stream(member: TarMember, start: number): AsyncGenerator<Buffer>;
}

/**
 * Reads the headers of an archive: a file, compressed or not, or the data from `/dev/stdin` or `/dev/fd/N`.
 * @throws E_PATH_NOT_FOUND, E_ARCHIVE_INVALID, E_LIMIT, E_CONFIG if a decompressor is missing, those of local I/O
 */
export async function openArchive(
  path: string,
  job: JobContext,
  env: Pick<SourceEnv, 'store' | 'limits'>,
): Promise<ArchiveFile> {
  /** The path of the file or of its copy. */
  const place =
    (await copyIfNeeded(path, job, env).catch((error: unknown) => Promise.reject(ofArchive(error, path)))) ?? path;
  const handle = await openRegular(place);
  let opened: BigIntStats;
  let index: TarIndex;
  try {
    opened = await handle.stat({ bigint: true });
    index = await readTarIndex(handle, Number(opened.size), job.signal, env.limits?.maxFiles);
  } catch (error) {
    throw ioError(ofArchive(error, path), `cannot read ${path}`);
  } finally {
    await handle.close();
  }

  async function* stream(member: TarMember, start: number): AsyncGenerator<Buffer> {
    if (start >= member.size) return;
    const reading = await openRegular(place);
    try {
      const now = await reading.stat({ bigint: true });
      if (now.ino !== opened.ino || now.size !== opened.size || now.mtimeNs !== opened.mtimeNs) {
        throw new CtxsrcError('E_ARCHIVE_INVALID', `${path} was changed while it was read`, { hint: 'run it again' });
      }
      yield* reading.createReadStream({
        start: member.offset + start,
        end: member.offset + member.size - 1,
        highWaterMark: CHUNK,
        autoClose: false,
      }) as AsyncIterable<Buffer>;
    } finally {
      await reading.close();
    }
  }

  return {
    ...index,
    path,
    stream,
    async readMember(member, maxBytes, what) {
      if (member.size > maxBytes) {
        const message = `${what} of ${path} has ${member.size} bytes; more than ${maxBytes} are not read`;
        throw new CtxsrcError('E_LIMIT', message, {
          hint: 'no image has so large a document: check where the archive is from',
        });
      }
      const chunks: Buffer[] = [];
      for await (const chunk of stream(member, 0)) chunks.push(chunk);
      return Buffer.concat(chunks);
    },
  };
}

/** Adds the path of the archive to an error: the readers of tar and of compressions do not know it. */
function ofArchive(error: unknown, path: string): unknown {
  const known = isCtxsrcError(error, 'E_ARCHIVE_INVALID') || isCtxsrcError(error, 'E_LIMIT');
  if (!known || error.message.startsWith(path)) return error;
  const look = streamOf(path) === undefined ? `look at it with tar -tf ${shellWord(path)}, or ` : '';
  return error.with({
    message: `${path}: ${error.message}`,
    hint: error.hint ?? `${look}save the image again: docker save -o FILE NAME`,
  });
}

/** The path of the copy; undefined if the archive can be read in place. */
async function copyIfNeeded(
  path: string,
  job: JobContext,
  env: Pick<SourceEnv, 'store' | 'limits'>,
): Promise<string | undefined> {
  const fd = streamOf(path);
  const piped = fd === undefined ? undefined : await openPipe(fd, path);
  if (piped !== undefined) {
    const stop = (): void => void piped.destroy();
    job.signal.addEventListener('abort', stop, { once: true });
    try {
      return await spoolArchive(job, env, path, piped as AsyncIterable<Buffer>);
    } finally {
      job.signal.removeEventListener('abort', stop);
      stop();
    }
  }
  const handle = await openRegular(path);
  try {
    const start = Buffer.alloc(512);
    const { bytesRead } = await handle.read(start, 0, start.length, 0);
    if (archiveCompression(start.subarray(0, bytesRead)) === 'none') return undefined;
    const input = handle.createReadStream({ start: 0, highWaterMark: CHUNK, autoClose: false });
    return await spoolArchive(job, env, path, input as AsyncIterable<Buffer>);
  } catch (error) {
    throw ioError(error, `cannot read ${path}`);
  } finally {
    await handle.close();
  }
}

/** Undefined for a regular file, which can be opened by its name. */
async function openPipe(fd: number, path: string): Promise<Readable | undefined> {
  try {
    const info = fstatSync(fd);
    if (info.isFile()) return undefined;
    if (!info.isFIFO() && !info.isSocket()) throw noFile(path, info);
    return await openStream(fd);
  } catch (error) {
    throw ioError(error, `cannot open ${path}`);
  }
}

/** Opens a file, without waiting for the writer of a pipe. */
async function openRegular(path: string): Promise<FileHandle> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const info = await handle.stat();
    if (!info.isFile()) throw noFile(path, info);
    return handle;
  } catch (error) {
    await handle?.close();
    throw ioError(error, `cannot open ${path}`);
  }
}

function noFile(path: string, info: Stats): CtxsrcError {
  return new CtxsrcError('E_ARCHIVE_INVALID', `${path} is no file`, { hint: hintInstead(path, info) });
}

function hintInstead(path: string, info: Stats): string {
  if (!info.isDirectory()) {
    return 'an archive is a file, or comes through a pipe: docker save NAME | ctxsrc key docker-archive:///dev/stdin';
  }
  return existsSync(join(path, 'oci-layout'))
    ? `an OCI layout directory is oci-layout://${shellWord(path)}`
    : `the files of a directory are local://${shellWord(path)}`;
}
