/** A tar file whose members are read in place. */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { CtxsrcError, ioError } from '../core/errors.ts';
import { detectCompression } from '../layer/decompress.ts';
import { TarIndex, type TarMember } from '../layer/tar-index.ts';

const CHUNK = 1024 * 1024;

/** What a file must still be when it is read again. */
interface FileIdentity {
  readonly ino: bigint;
  readonly size: bigint;
  readonly mtimeNs: bigint;
}

export class ArchiveFile {
  /** As the user wrote it. */
  readonly path: string;
  readonly #index: TarIndex;
  readonly #identity: FileIdentity;

  private constructor(path: string, index: TarIndex, identity: FileIdentity) {
    this.path = path;
    this.#index = index;
    this.#identity = identity;
  }

  /** Reads the headers of the archive. @throws E_PATH_NOT_FOUND, E_ARCHIVE_INVALID, E_LIMIT, those of local I/O */
  static async open(path: string, signal: AbortSignal = new AbortController().signal): Promise<ArchiveFile> {
    const handle = await openRegular(path);
    try {
      const { ino, size, mtimeNs } = await handle.stat({ bigint: true });
      const start = Buffer.alloc(512);
      await handle.read(start, 0, start.length, 0);
      if (detectCompression(start) !== 'none') {
        throw new CtxsrcError('E_ARCHIVE_INVALID', `${path} is compressed: its members cannot be read in place`, {
          hint: `decompress it first, for instance: gzip -dk ${path}`,
        });
      }
      const index = await TarIndex.read(handle, Number(size), signal);
      return new ArchiveFile(path, index, { ino, size, mtimeNs });
    } catch (error) {
      throw ioError(error, `cannot read ${path}`);
    } finally {
      await handle.close();
    }
  }

  find(name: string): TarMember | undefined {
    return this.#index.find(name);
  }

  /** A whole member. @throws E_LIMIT over `maxBytes` */
  async readMember(member: TarMember, maxBytes: number, what: string): Promise<Buffer> {
    if (member.size > maxBytes) {
      throw new CtxsrcError(
        'E_LIMIT',
        `${what} of ${this.path} has ${member.size} bytes; more than ${maxBytes} are not read`,
      );
    }
    const chunks: Buffer[] = [];
    for await (const chunk of this.stream(member, 0)) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  /** The bytes of a member from `start` on. @throws E_ARCHIVE_INVALID when the file is not the one that was opened */
  async *stream(member: TarMember, start: number): AsyncGenerator<Buffer> {
    if (start >= member.size) return;
    const handle = await openRegular(this.path);
    try {
      const now = await handle.stat({ bigint: true });
      const { ino, size, mtimeNs } = this.#identity;
      if (now.ino !== ino || now.size !== size || now.mtimeNs !== mtimeNs) {
        throw new CtxsrcError('E_ARCHIVE_INVALID', `${this.path} was changed while it was read`, {
          hint: 'run it again',
        });
      }
      const end = member.offset + member.size - 1;
      yield* handle.createReadStream({
        start: member.offset + start,
        end,
        highWaterMark: CHUNK,
        autoClose: false,
      }) as AsyncIterable<Buffer>;
    } finally {
      await handle.close();
    }
  }
}

/** Opens a file, not waiting for the writer of a pipe. */
async function openRegular(path: string): Promise<FileHandle> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    if ((await handle.stat()).isFile()) return handle;
  } catch (error) {
    await handle?.close();
    throw ioError(error, `cannot open ${path}`);
  }
  await handle.close();
  throw new CtxsrcError('E_ARCHIVE_INVALID', `${path} is no file`, {
    hint: `an OCI layout directory is oci-layout://${path}`,
  });
}
