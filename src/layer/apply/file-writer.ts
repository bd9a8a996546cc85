/**
 * Contents of files, one file after another: written as they come, hashed on the way; a file whose whole content is at
 * hand in one call, by another thread if one is there to help.
 */

import { createHash, type Hash } from 'node:crypto';
import { closeSync, ftruncateSync } from 'node:fs';
import { at, createFile } from '../../fs/write/confined.ts';
import type { Metadata } from '../../fs/write/metadata.ts';
import type { DigestTable } from './digest-table.ts';
import type { LayerMetadata } from './metadata.ts';
import { type PlainFile, writeAll, writePlainFile } from './plain-file.ts';
import type { Directory } from './tree.ts';
import type { WrittenTree } from './written-tree.ts';

const EMPTY = Buffer.alloc(0);
const ZEROS = Buffer.alloc(64 << 10);

/** A file whose content is on its way. */
export interface ComingFile {
  readonly parent: Directory;
  readonly name: string;
  readonly path: string;
  readonly size: number;
  readonly meta: Metadata;
  readonly sparse: boolean;
  /** Place in the table of digests. */
  readonly digest: number;
  fd: number;
  hash: Hash | undefined;
  /** Bytes hashed, holes included. */
  hashed: number;
  /** It has been written, or somebody has been asked to. */
  written: boolean;
}

/** Another thread that writes files. */
export interface FileHelper {
  readonly digests: DigestTable;
  /** @returns false when it does not take the file; else the digest is at its place in the table when `drain` returns */
  offer(file: PlainFile, digest: number): boolean;
  /** Waits until all it took is written. */
  drain(): void;
}

/** Methods fail with what the system does. */
export class FileWriter {
  readonly #tree: WrittenTree;
  readonly #metadata: LayerMetadata;
  readonly #digests: DigestTable;
  readonly #helper: FileHelper | undefined;

  constructor(tree: WrittenTree, metadata: LayerMetadata, digests: DigestTable, helper: FileHelper | undefined) {
    this.#tree = tree;
    this.#metadata = metadata;
    this.#digests = digests;
    this.#helper = helper;
  }

  /** A piece of the content, and where in the file it begins. */
  write(file: ComingFile, chunk: Buffer, offset: number): void {
    if (file.fd === -1) {
      if (chunk.length === file.size && this.#writePlain(file, chunk)) return;
      this.#open(file);
    }
    this.#hashHole(file, offset);
    writeAll(file.fd, chunk, file.sparse ? offset : undefined);
    file.hash!.update(chunk);
    file.hashed += chunk.length;
  }

  /** The content is complete. */
  end(file: ComingFile): void {
    if (!file.written && (file.size > 0 || !this.#writePlain(file, EMPTY))) this.#endFile(file);
  }

  /** Closes a file that did not come to its end. */
  abandon(file: ComingFile): void {
    if (file.fd !== -1) closeSync(file.fd);
    file.fd = -1;
  }

  /** Writes a file whose whole content is at hand, or has it written. @returns false when it is not plain enough */
  #writePlain(file: ComingFile, content: Buffer): boolean {
    const chmod = this.#metadata.plain(file.meta);
    if (chmod === undefined) return false;
    const { mode, mtime } = file.meta;
    const path = at(this.#tree.handle(file.parent), file.name);
    const plain: PlainFile = { path, mode, chmod, mtime, content };
    if (this.#helper?.offer(plain, file.digest) !== true) this.#digests.set(file.digest, writePlainFile(plain));
    file.written = true;
    return true;
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

  /** Hashes zeros up to where the next piece begins. */
  #hashHole(file: ComingFile, offset: number): void {
    while (file.hashed < offset) {
      const n = Math.min(ZEROS.length, offset - file.hashed);
      file.hash!.update(ZEROS.subarray(0, n));
      file.hashed += n;
    }
  }
}
