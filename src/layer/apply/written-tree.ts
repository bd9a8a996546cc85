/**
 * The tree of `tree.ts` together with its directories on disk: resolves names, makes and removes directories and names,
 * keeps directories open, and limits the memory used.
 */

import { mkdirSync, rmdirSync, unlinkSync } from 'node:fs';
import type { Metadata } from '../../contract/entry.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { shortenedBytes } from '../../fs/byte-string.ts';
import { at, closeDirectory, type OpenDirectory, openChild } from '../../fs/write/confined.ts';
import { archiveError } from '../tar/header.ts';
import { type Directory, isMissing, leafOf, type Node, pathIn } from './tree.ts';

/** The kernel's limits: of a path, of a name, and of links followed. */
export const MAX_PATH = 4095;
const MAX_NAME = 255;
export const MAX_LINKS = 255;
/** Bytes of names, link texts and attributes that are kept in memory. */
export const MAX_METADATA = 512 << 20;
/** Each level needs a descriptor. */
export const MAX_DEPTH = 1000;
const MAX_OPEN_DIRECTORIES = 200;

/** Methods throw CtxsrcError `E_ARCHIVE_INVALID`, `E_UNSAFE` or `E_LIMIT`, or errors of the system. */
export class WrittenTree {
  readonly root: Directory;
  readonly rootHandle: OpenDirectory;
  /** Index of the layer that is being applied. */
  layer = -1;
  /** Number of names made so far, including directories that no layer declares. */
  created = 0;
  /** Number of names removed so far: a result of `resolve` is valid until it changes. */
  removals = 0;
  readonly #undeclared: () => Metadata;
  readonly #drain: () => void;
  /** Open directories, oldest first. */
  readonly #handles = new Map<Directory, OpenDirectory>();
  #metadataBytes = 0;

  /**
   * @param rootHandle an open, empty directory that no other process uses; closed by `close`
   * @param undeclared metadata of directories that no layer declares
   * @param drain waits until no thread writes below an open directory
   */
  constructor(rootHandle: OpenDirectory, undeclared: () => Metadata, drain: () => void) {
    this.rootHandle = rootHandle;
    this.#undeclared = undeclared;
    this.#drain = drain;
    this.root = {
      kind: 'dir',
      name: '',
      parent: undefined,
      depth: 0,
      children: new Map(),
      meta: undeclared(),
      layer: -1,
    };
  }

  /** Closes everything. */
  close(): void {
    for (const handle of this.#handles.values()) closeDirectory(handle);
    this.#handles.clear();
    closeDirectory(this.rootHandle);
  }

  /**
   * Walks from the root and follows links without ever leaving it. Undefined if the path does not exist and `create` is
   * false.
   */
  resolve(components: readonly string[], create: boolean): Directory | undefined {
    const rest = components.toReversed();
    const missing: string[] = [];
    let dir = this.root;
    let links = 0;
    for (let name = rest.pop(); name !== undefined; name = rest.pop()) {
      if (name === '' || name === '.') continue;
      if (name === '..') {
        if (missing.length > 0) missing.pop();
        else dir = dir.parent ?? dir;
        continue;
      }
      const child = missing.length > 0 ? undefined : dir.children.get(name);
      if (child === undefined) {
        if (!create) return undefined;
        missing.push(name);
      } else if (child.kind === 'dir') {
        dir = child;
      } else {
        const leaf = leafOf(child);
        if (leaf.type !== 'symlink') {
          throw archiveError(`an entry lies below ${shortenedBytes(pathIn(dir, name))}, which is no directory`);
        }
        links += 1;
        if (links > MAX_LINKS) throw archiveError('the symbolic links of a path go round in circles');
        if (leaf.target.startsWith('/')) dir = this.root;
        for (const part of leaf.target.split('/').reverse()) rest.push(part);
      }
    }
    for (const name of missing) {
      this.count(name, '', undefined);
      this.created += 1;
      dir = this.mkdir(dir, name, this.#undeclared());
    }
    return dir;
  }

  /** Makes a directory that does not exist; it gets its metadata after its content. */
  mkdir(parent: Directory, name: string, meta: Metadata): Directory {
    const depth = parent.depth + 1;
    checkNameLength(name);
    if (depth > MAX_DEPTH) throw archiveError(`it nests more than ${MAX_DEPTH} directories`);
    if (pathIn(parent, name).length > MAX_PATH) throw archiveError('it holds a path of more than 4095 bytes');
    // Only this user may enter it until its content is complete.
    mkdirSync(at(this.handle(parent), name), 0o700);
    const directory: Directory = {
      kind: 'dir',
      name,
      parent,
      depth,
      children: new Map(),
      meta,
      layer: this.layer,
    };
    this.put(parent, name, directory);
    return directory;
  }

  /** Records a name that was made. */
  put(parent: Directory, name: string, node: Node): void {
    parent.children.set(name, node);
    this.touch(parent);
  }

  /** Records that this layer wrote the directory or something in it. */
  touch(directory: Directory): void {
    for (let dir: Directory | undefined = directory; dir !== undefined && dir.layer !== this.layer; dir = dir.parent) {
      dir.layer = this.layer;
    }
  }

  /** Removes entries of older layers; directories that this layer wrote to stay, without their older entries. */
  removeOlder(directory: Directory): void {
    for (const [name, node] of directory.children) {
      if (node.layer !== this.layer) this.remove(directory, name, node);
      else if (node.kind === 'dir') this.removeOlder(node);
    }
  }

  /** Removes a name; a directory with everything below it. */
  remove(parent: Directory, name: string, node: Node): void {
    this.removals += 1;
    this.#drain();
    if (node.kind === 'dir') {
      for (const [childName, child] of node.children) this.remove(node, childName, child);
      this.closeHandle(node);
      rmdirSync(at(this.handle(parent), name));
    } else if (!isMissing(node)) {
      unlinkSync(at(this.handle(parent), name));
    }
    parent.children.delete(name);
  }

  /** True if a directory was removed, itself or with a parent. */
  detached(directory: Directory): boolean {
    for (let dir = directory; dir.parent !== undefined; dir = dir.parent) {
      if (dir.parent.children.get(dir.name) !== dir) return true;
    }
    return false;
  }

  /** The open directory; the oldest ones are closed when there are too many. */
  handle(directory: Directory): OpenDirectory {
    if (directory.parent === undefined) return this.rootHandle;
    let handle = this.#handles.get(directory);
    if (handle !== undefined) return handle;
    handle = openChild(this.handle(directory.parent), directory.name);
    this.#handles.set(directory, handle);
    return handle;
  }

  /**
   * Closes half of the open directories, the oldest first. Called only between entries, as one entry may need several
   * at once. Half at a time, because all writing has to stop meanwhile.
   */
  trimHandles(): void {
    if (this.#handles.size <= MAX_OPEN_DIRECTORIES) return;
    this.#drain();
    for (const oldest of this.#handles.keys()) {
      if (this.#handles.size <= MAX_OPEN_DIRECTORIES / 2) return;
      this.closeHandle(oldest);
    }
  }

  /** Closes a directory before it is removed. */
  closeHandle(directory: Directory): void {
    const handle = this.#handles.get(directory);
    if (handle === undefined) return;
    this.#handles.delete(directory);
    closeDirectory(handle);
  }

  /** Closes a directory and all below it, before their paths change. */
  closeHandles(directory: Directory): void {
    this.closeHandle(directory);
    for (const node of directory.children.values()) if (node.kind === 'dir') this.closeHandles(node);
  }

  /**
   * Counts the memory of a name.
   * @throws CtxsrcError `E_LIMIT`
   */
  count(name: string, target: string, meta: Metadata | undefined): void {
    this.#metadataBytes += name.length + target.length + 64;
    if (meta?.xattrs !== undefined) {
      for (const [key, value] of meta.xattrs) this.#metadataBytes += key.length + value.length;
    }
    if (this.#metadataBytes > MAX_METADATA) {
      throw new CtxsrcError('E_LIMIT', 'the names and attributes of the image take more than 512 MiB of memory');
    }
  }
}

/** @throws CtxsrcError `E_ARCHIVE_INVALID` for a name that no file system accepts */
export function checkNameLength(name: string): void {
  if (name.length > MAX_NAME) throw archiveError('it holds a name of more than 255 bytes');
}
