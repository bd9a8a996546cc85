/** Writes entries that are neither files nor directories: symbolic links, devices and fifos, or their losses. */

import { symlinkSync } from 'node:fs';
import type { Metadata } from '../../contract/entry.ts';
import { fsPath } from '../../fs/byte-string.ts';
import { at } from '../../fs/write/confined.ts';
import type { LossList } from '../../fs/write/losses.ts';
import { addSpecialLoss, makeSpecialFile, type SpecialType } from '../../fs/write/special-file.ts';
import { archiveError } from '../tar/header.ts';
import type { TarEntry } from '../tar/reader.ts';
import type { LayerMetadata } from './metadata.ts';
import { type Directory, type Leaf, type LeafType, pathIn } from './tree.ts';
import { MAX_PATH, type WrittenTree } from './written-tree.ts';

/** Methods fail with `E_ARCHIVE_INVALID`, `E_LIMIT`, or errors of the system. */
export class OtherEntries {
  readonly #tree: WrittenTree;
  readonly #metadata: LayerMetadata;
  readonly #losses: LossList;

  constructor(tree: WrittenTree, metadata: LayerMetadata, losses: LossList) {
    this.#tree = tree;
    this.#metadata = metadata;
    this.#losses = losses;
  }

  symlink(parent: Directory, name: string, target: string, meta: Metadata): void {
    if (target === '') throw archiveError('a symbolic link to nothing');
    if (target.length > MAX_PATH) throw archiveError('a symbolic link of more than 4095 bytes');
    meta.mode = 0o777;
    this.#tree.count(name, target, meta);
    const path = at(this.#tree.handle(parent), name);
    symlinkSync(fsPath(target), path);
    this.#metadata.created(path, pathIn(parent, name), 'symlink', meta);
    this.#put(parent, name, 'symlink', meta, target, false);
  }

  special(parent: Directory, name: string, entry: TarEntry, meta: Metadata): void {
    const type = entry.type as SpecialType;
    const target = type === 'fifo' ? '' : `${entry.devMajor}:${entry.devMinor}`;
    this.#tree.count(name, target, meta);
    const path = pathIn(parent, name);
    const file = at(this.#tree.handle(parent), name);
    const made = makeSpecialFile(file, type, this.#metadata.creationMode(meta.mode), target);
    if (made) this.#metadata.created(file, path, type, meta);
    const leaf = this.#put(parent, name, type, meta, target, !made);
    if (!made) this.noteMissing(path, leaf);
  }

  /** Records that a device or fifo could not be made at that path. */
  noteMissing(path: string, leaf: Leaf): void {
    addSpecialLoss(this.#losses, path, leaf.type as SpecialType, leaf.target);
  }

  #put(parent: Directory, name: string, type: LeafType, meta: Metadata, target: string, missing: boolean): Leaf {
    const leaf: Leaf = { kind: 'leaf', type, meta, size: 0, target, digest: -1, missing, layer: this.#tree.layer };
    this.#tree.put(parent, name, leaf);
    return leaf;
  }
}
