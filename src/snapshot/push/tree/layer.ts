/** Writes the one layer of a source's files, and hashes what is in it as a directory is hashed. */
import { createHash, type Hash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { Digest } from '../../../core/digest.ts';
import { CtxsrcError, ioError, localError } from '../../../core/errors.ts';
import type { Task } from '../../../core/progress.ts';
import { type ByteString, printableBytes } from '../../../fs/byte-string.ts';
import { EMPTY_DIGEST, entryHeader, hexDigest } from '../../../fs/entry/header.ts';
import { isUnchanged, type TreeEntry } from '../../../fs/entry/tree-entry.ts';
import { FRESH_ROOT_HEADER } from '../../../fs/hash/header-digests.ts';
import { TreeHasher } from '../../../fs/hash/tree-hasher.ts';
import { Slices } from '../../../fs/walk/slices.ts';
import { gzipMember, PIECE } from '../../../layer/format/gzip.ts';
import { endOf, headerOf, type LayerEntry, paddingOf, ROOT } from '../../../layer/format/tar.ts';

/** An entry for the layer, and where a file's content is. */
export interface PackedEntry extends LayerEntry {
  readonly file?: string | Buffer | undefined;
  /** How the file looked when it was listed, for files that others may write to. */
  readonly seen?: TreeEntry | undefined;
}

export interface Layer {
  readonly digest: Digest;
  /** Bytes, compressed. */
  readonly size: number;
  readonly diffId: Digest;
  /** The content key of a directory with these files. */
  readonly key: Digest;
  readonly files: number;
  /** Bytes of content. */
  readonly bytes: number;
}

export interface LayerOptions {
  /** The time of every entry, in seconds. */
  readonly time: number;
  readonly look: Look;
}

/** Sees every entry, and the content of every file, while it is packed. */
export interface Look {
  entry(entry: LayerEntry): void;
  /** The next bytes of the last file; `last` with the end of it. */
  content(bytes: Buffer, last: boolean): void;
}

/**
 * Packs the entries, which come in the order of a walk, into a new file.
 * @throws CtxsrcError `E_UNSAFE` for what no layer can hold, `E_IO` for a file that changes, `E_PERMISSION`, `E_DISK_FULL`
 */
export async function writeLayer(
  { signal, task }: { readonly signal: AbortSignal; readonly task: Task },
  entries: Iterable<PackedEntry | undefined>,
  path: string,
  options: LayerOptions,
): Promise<Layer> {
  const file = await open(path, 'wx', 0o600);
  try {
    return await new LayerWriter(signal, task, file, options).write(entries);
  } finally {
    await file.close();
  }
}

const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;
const ZEROS = Buffer.alloc(20 * 512 + 1024);

class LayerWriter {
  readonly #slices: Slices;
  readonly #file: FileHandle;
  readonly #options: LayerOptions;
  /** The piece of the archive that is being filled. */
  readonly #piece = Buffer.allocUnsafeSlow(PIECE);
  #fill = 0;
  /** Bytes of the archive in the pieces before. */
  #before = 0;
  readonly #diffId = createHash('sha256');
  readonly #digest = createHash('sha256');
  #size = 0;
  #files = 0;
  #bytes = 0;

  constructor(signal: AbortSignal, task: Task, file: FileHandle, options: LayerOptions) {
    this.#slices = new Slices(signal, () => task.advance(this.#bytes, { files: this.#files }));
    this.#file = file;
    this.#options = options;
  }

  async write(entries: Iterable<PackedEntry | undefined>): Promise<Layer> {
    const { time } = this.#options;
    await this.#add(headerOf(ROOT, time));
    let hasher: TreeHasher | undefined;
    for (const entry of entries) {
      if (this.#slices.over) await this.#slices.pause();
      if (entry === undefined) continue;
      hasher ??= new TreeHasher(EMPTY_DIGEST);
      this.#files += 1;
      this.#options.look.entry(entry);
      await this.#add(headerOf(entry, time));
      const header = entryHeader({ ...entry, uid: 0, gid: 0 });
      if (entry.type === 'dir') hasher.directory(entry.path, hexDigest(header));
      else if (entry.type !== 'file') hasher.file(entry.path, hexDigest(header));
      else hasher.file(entry.path, await this.#content(entry, createHash('sha256').update(header, 'latin1')));
    }
    hasher ??= new TreeHasher(FRESH_ROOT_HEADER);
    await this.#add(ZEROS.subarray(0, endOf(this.#before + this.#fill)));
    if (this.#fill > 0) await this.#compress();
    this.#slices.tick();
    return {
      digest: `sha256:${this.#digest.digest('hex')}`,
      size: this.#size,
      diffId: `sha256:${this.#diffId.digest('hex')}`,
      key: `sha256:${hasher.finish().digest}`,
      files: this.#files,
      bytes: this.#bytes,
    };
  }

  /** @returns the file's digest in hex, its header included */
  async #content(entry: PackedEntry, hash: Hash): Promise<string> {
    const { path, size, file, seen } = entry;
    if (file === undefined) return hash.digest('hex');
    const input = openFile(file, path);
    try {
      let read = 0;
      while (read < size) {
        const start = this.#fill;
        const most = Math.min(PIECE - start, size - read);
        const got = readSync(input, this.#piece, start, most, null);
        const chunk = this.#piece.subarray(start, start + got);
        if (got === 0) break;
        hash.update(chunk);
        read += got;
        this.#options.look.content(chunk, read === size);
        this.#bytes += got;
        await this.#filled(got);
        if (this.#slices.over) await this.#slices.pause();
      }
      const isSame = seen === undefined || isUnchanged(fstatSync(input), seen);
      if (read !== size || !isSame) throw changed(path);
    } catch (error) {
      throw ioError(error, `cannot read ${printableBytes(path)}`);
    } finally {
      closeSync(input);
    }
    await this.#add(ZEROS.subarray(0, paddingOf(size)));
    return hash.digest('hex');
  }

  async #add(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + PIECE - this.#fill);
      this.#piece.set(part, this.#fill);
      at += part.length;
      await this.#filled(part.length);
    }
  }

  async #filled(bytes: number): Promise<void> {
    this.#fill += bytes;
    if (this.#fill === PIECE) await this.#compress();
  }

  async #compress(): Promise<void> {
    const piece = this.#piece.subarray(0, this.#fill);
    this.#before += this.#fill;
    this.#fill = 0;
    this.#diffId.update(piece);
    const member = gzipMember(piece);
    this.#digest.update(member);
    this.#size += member.length;
    try {
      await this.#file.writeFile(member);
    } catch (error) {
      // Typed here: further up it would be taken for a failure of the file that is read.
      throw localError(error, 'cannot write the layer');
    }
  }
}

function openFile(file: string | Buffer, path: ByteString): number {
  try {
    return openSync(file, READ);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ELOOP' || code === 'ENXIO') throw changed(path);
    throw ioError(error, `cannot read ${printableBytes(path)}`);
  }
}

/** The error for what is no longer as it was listed. */
export function changed(path: ByteString): CtxsrcError {
  return new CtxsrcError('E_IO', `${printableBytes(path)} changed while it was packed`, {
    hint: 'wait until nothing writes to the source, then push again',
  });
}
