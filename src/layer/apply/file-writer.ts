/**
 * Writes the contents of files, one file after another, and hashes them. A plain file whose content stays in memory may
 * be written by another thread.
 */

import { createHash, type Hash } from 'node:crypto';
import { closeSync, ftruncateSync } from 'node:fs';
import type { Metadata } from '../../contract/entry.ts';
import { at, createFile } from '../../fs/write/confined.ts';
import { writeAllSync } from '../../fs/write/write-all.ts';
import type { TarEntry } from '../tar/reader.ts';
import type { DigestTable } from './digest-table.ts';
import type { LayerMetadata } from './metadata.ts';
import { type PlainFile, type PlainMetadata, writePlainFile } from './plain-file.ts';
import { type Directory, pathIn } from './tree.ts';
import type { WrittenTree } from './written-tree.ts';

const EMPTY = Buffer.alloc(0);
const ZEROS = Buffer.alloc(64 << 10);

/** A file whose content is being written. */
interface ComingFile {
  readonly parent: Directory;
  readonly name: string;
  readonly path: string;
  readonly size: number;
  readonly meta: Metadata;
  readonly sparse: boolean;
  /** Undefined if the file needs more than a plain file. */
  readonly plain: PlainMetadata | undefined;
  /** Index in the table of digests. */
  readonly digest: number;
  /** The content so far, while no byte of it is written. */
  kept: Buffer;
  fd: number;
  hash: Hash | undefined;
  /** Bytes hashed, including holes. */
  hashed: number;
  /** The file has been written, or another thread will write it. */
  written: boolean;
}

/** Another thread that writes files. */
export interface FileHelper {
  readonly digests: DigestTable;
  /** The pieces of a file of at most so many bytes stay where they are until the whole file is offered or written. */
  readonly keeps: number;
  /** @returns false if it does not take the file; otherwise the digest is in the table when `drain` returns */
  offer(file: PlainFile, digest: number): boolean;
  /** Waits until every accepted file is written. */
  drain(): void;
}

/** Methods throw errors of the system. */
export class FileWriter {
  readonly #tree: WrittenTree;
  readonly #metadata: LayerMetadata;
  readonly #digests: DigestTable;
  readonly #helper: FileHelper | undefined;
  readonly #keeps: number;
  #file: ComingFile | undefined;
  /** The metadata of the last file as it was written: files with equal metadata share the object. */
  #lastMeta: Metadata | undefined;
  /** Bytes of content written so far. */
  bytes = 0;

  constructor(tree: WrittenTree, metadata: LayerMetadata, digests: DigestTable, helper: FileHelper | undefined) {
    this.#tree = tree;
    this.#metadata = metadata;
    this.#digests = digests;
    this.#helper = helper;
    this.#keeps = helper?.keeps ?? 0;
  }

  /** The path of the file that is being written; undefined if none is. */
  get path(): string | undefined {
    return this.#file?.path;
  }

  /** The part of a file's content that must stay where it is; undefined if there is none. */
  get kept(): Buffer | undefined {
    return this.#file === undefined || this.#file.kept.length === 0 ? undefined : this.#file.kept;
  }

  begin(parent: Directory, name: string, entry: TarEntry, meta: Metadata): void {
    this.#file = {
      parent,
      name,
      path: pathIn(parent, name),
      size: entry.size,
      meta,
      sparse: entry.sparse !== undefined,
      plain: entry.sparse === undefined ? this.#metadata.plain(meta) : undefined,
      digest: this.#digests.reserve(),
      kept: EMPTY,
      fd: -1,
      hash: undefined,
      hashed: 0,
      written: false,
    };
  }

  /** Writes a piece of the content at its offset in the file; does nothing if none was begun. */
  write(chunk: Buffer, offset: number): void {
    const file = this.#file;
    if (file === undefined) return;
    if (!this.#keep(file, chunk)) this.#writePiece(file, chunk, offset);
    this.bytes += chunk.length;
  }

  /** Called after the last piece: the file becomes a part of the tree. */
  end(): void {
    const file = this.#file;
    if (file === undefined) return;
    if (file.size === 0 && file.plain !== undefined) this.#writePlain(file, file.plain);
    if (!file.written) this.#endFile(file);
    this.#file = undefined;
    const { size, digest } = file;
    const meta = this.#shared(file.meta);
    const leaf = { kind: 'leaf', type: 'file', meta, size, target: '', digest, missing: false } as const;
    this.#tree.put(file.parent, file.name, { ...leaf, layer: this.#tree.layer });
  }

  /** Closes an incomplete file. */
  abandon(): void {
    if (this.#file !== undefined && this.#file.fd !== -1) closeSync(this.#file.fd);
    this.#file = undefined;
  }

  #shared(meta: Metadata): Metadata {
    const last = this.#lastMeta;
    const same =
      last !== undefined &&
      last.mode === meta.mode &&
      last.uid === meta.uid &&
      last.gid === meta.gid &&
      last.mtime === meta.mtime &&
      last.mtimeNs === meta.mtimeNs &&
      last.xattrs === meta.xattrs;
    if (same) return last;
    this.#lastMeta = meta;
    return meta;
  }

  #writePiece(file: ComingFile, chunk: Buffer, offset: number): void {
    if (file.fd === -1) this.#open(file);
    this.#hashHole(file, offset);
    writeAllSync(file.fd, chunk, file.sparse ? offset : undefined);
    file.hash!.update(chunk);
    file.hashed += chunk.length;
  }

  /**
   * Keeps a piece of a plain file until all of it is there, and then has the file written.
   * @returns false if that cannot be: the piece has to be written, and what was kept before it is
   */
  #keep(file: ComingFile, chunk: Buffer): boolean {
    if (file.plain === undefined || file.fd !== -1) return false;
    const isWhole = chunk.length === file.size;
    const content = isWhole ? chunk : file.size > this.#keeps ? undefined : joined(file.kept, chunk);
    if (content === undefined) {
      if (file.kept.length > 0) this.#writePiece(file, file.kept, 0);
      file.kept = EMPTY;
      return false;
    }
    file.kept = content;
    if (content.length === file.size) this.#writePlain(file, file.plain);
    return true;
  }

  /** Writes a file whose whole content is kept, or gives it to the helper. */
  #writePlain(file: ComingFile, metadata: PlainMetadata): void {
    const path = at(this.#tree.handle(file.parent), file.name);
    const plain: PlainFile = { path, metadata, content: file.kept };
    if (this.#helper?.offer(plain, file.digest) !== true) this.#digests.set(file.digest, writePlainFile(plain));
    file.written = true;
    file.kept = EMPTY;
  }

  #endFile(file: ComingFile): void {
    if (file.fd === -1) this.#open(file);
    if (file.sparse) {
      this.#hashHole(file, file.size);
      ftruncateSync(file.fd, file.size);
    }
    this.#digests.set(file.digest, file.hash!.digest('binary'));
    this.#metadata.created(file.fd, file.path, 'file', file.meta);
    closeSync(file.fd);
    file.fd = -1;
  }

  #open(file: ComingFile): void {
    file.fd = createFile(this.#tree.handle(file.parent), file.name, this.#metadata.creationMode(file.meta.mode));
    file.hash = createHash('sha256');
  }

  /** Hashes zeros up to the start of the next piece. */
  #hashHole(file: ComingFile, offset: number): void {
    while (file.hashed < offset) {
      const n = Math.min(ZEROS.length, offset - file.hashed);
      file.hash!.update(ZEROS.subarray(0, n));
      file.hashed += n;
    }
  }
}

/** Two pieces of memory as one if the second follows the first. */
function joined(first: Buffer, second: Buffer): Buffer | undefined {
  if (first.length === 0) return second;
  const follows = first.buffer === second.buffer && first.byteOffset + first.length === second.byteOffset;
  return follows ? Buffer.from(first.buffer, first.byteOffset, first.length + second.length) : undefined;
}
