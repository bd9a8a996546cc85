/**
 * Applies layers to an empty directory, one after another, by containerd's rules (image-spec layer.md, "Applying
 * Changesets"): names are resolved inside the root, following links in parents; whiteouts and opaque markers remove;
 * what exists is replaced unless old and new are both directories; directories get their metadata at the end.
 */
import { createHash, type Hash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs';
import type { WriteOptions } from '../contract/ref.ts';
import { CtxsrcError, ioError } from '../core/errors.ts';
import { at, closeDirectory, createFile, type OpenDirectory, openChild, openRoot } from '../fs/confined.ts';
import { PathFilter } from '../fs/write-filter.ts';
import { bytePath, printableBytes } from './byte-names.ts';
import { DigestTable } from './digest-table.ts';
import { archiveError } from './header.ts';
import { LossList } from './losses.ts';
import { MetadataWriter } from './metadata.ts';
import { type PlainFile, writeAll, writePlainFile } from './plain-file.ts';
import type { TarEntry, TarHandler } from './tar-reader.ts';
import {
  type Directory,
  type HardLink,
  type Leaf,
  type LeafType,
  leafOf,
  type Metadata,
  type Node,
  pathIn,
} from './tree.ts';

const WHITEOUT = '.wh.';
const OPAQUE = '.wh..wh..opq';
/** What aufs kept at the root of a layer for itself. */
const AUFS = '.wh..wh.';
/** As the kernel: a path, a name, and links followed on the way. */
const MAX_PATH = 4095;
const MAX_NAME = 255;
const MAX_LINKS = 255;
/** Bytes of names, link texts and attributes that are kept in memory. */
const MAX_METADATA = 512 << 20;
/** Each level takes a descriptor. */
const MAX_DEPTH = 1000;
const MAX_OPEN_DIRECTORIES = 200;
const EMPTY = Buffer.alloc(0);
const ZEROS = Buffer.alloc(64 << 10);
const S_IFCHR = 0o020000;
const S_IFBLK = 0o060000;
const S_IFIFO = 0o010000;

/** A file whose content is on its way. */
interface OpenFile {
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
  /** @returns false when it does not take the file; else `onDone` is called with the sha256 before `drain` returns */
  offer(file: PlainFile, onDone: (digest: Uint8Array) => void): boolean;
  /** Waits until all it took is written. */
  drain(): void;
}

export type ApplyOptions = Pick<WriteOptions, 'owner' | 'epoch' | 'limits' | 'filter'> & {
  /** False for an archive that is no layer: names that would be whiteouts are names like others. */
  readonly whiteouts?: boolean | undefined;
};

/**
 * Use: `beginLayer`, push the layer through a `TarReader` whose handler is this, `endLayer`, the next layer; `finish`
 * at last, `close` in any case. All methods throw CtxsrcError: `E_ARCHIVE_INVALID`, `E_UNSAFE`, `E_LIMIT`, or what local
 * I/O fails with; the directory is then half-done and to be thrown away.
 */
export class LayerApplier implements TarHandler {
  readonly root: Directory;
  readonly digests = new DigestTable();
  readonly losses: LossList;
  readonly #limits: ApplyOptions['limits'];
  readonly #whiteouts: boolean;
  readonly #filter: PathFilter | undefined;
  readonly #metadata: MetadataWriter;
  readonly #helper: FileHelper | undefined;
  readonly #rootHandle: OpenDirectory;
  /** Open directories, in the order of their opening. */
  readonly #handles = new Map<Directory, OpenDirectory>();
  #layer = -1;
  #file: OpenFile | undefined;
  #created = 0;
  #bytes = 0;
  #metadataBytes = 0;
  /** The parent of the last entry, as its text and what it led to; forgotten when anything is removed. */
  #lastParentText: string | undefined;
  #lastParent: Directory | undefined;

  /** @param dir an empty directory that is nobody else's */
  constructor(dir: string, options: ApplyOptions, helper?: FileHelper) {
    this.#limits = options.limits;
    this.#helper = helper;
    this.#whiteouts = options.whiteouts ?? true;
    this.#filter = options.filter === undefined ? undefined : new PathFilter(options.filter);
    this.losses = new LossList(this.#filter === undefined ? undefined : Number.POSITIVE_INFINITY);
    this.#rootHandle = openRoot(dir);
    try {
      this.#metadata = new MetadataWriter(this.#rootHandle, options, this.losses);
    } catch (error) {
      closeDirectory(this.#rootHandle);
      throw ioError(error, `cannot write into ${dir}`);
    }
    const meta = this.#metadata.undeclared();
    this.root = { kind: 'dir', name: '', parent: undefined, depth: 0, children: new Map(), meta, layer: -1 };
  }

  beginLayer(): void {
    this.#layer += 1;
  }

  endLayer(): void {
    if (this.#file !== undefined) throw archiveError('it ends within a file');
  }

  /** Keeps what the filter chooses, and gives directories their metadata. */
  finish(): void {
    this.#helper?.drain();
    if (this.#filter !== undefined) this.#select(this.#filter);
    this.#settle(this.root, this.#rootHandle, '');
  }

  /** Closes everything. */
  close(): void {
    try {
      // Somebody may still be writing below a descriptor that is about to be closed, and then to be another's.
      this.#helper?.drain();
    } catch {
      // What cannot be written matters only where `finish` has to wait for it.
    }
    if (this.#file !== undefined && this.#file.fd !== -1) closeSync(this.#file.fd);
    this.#file = undefined;
    for (const handle of this.#handles.values()) closeDirectory(handle);
    this.#handles.clear();
    closeDirectory(this.#rootHandle);
  }

  entry(entry: TarEntry): void {
    this.#file = undefined;
    if (this.#handles.size > MAX_OPEN_DIRECTORIES) this.#trimHandles();
    const components = cleanComponents(entry.name);
    const name = components.pop();
    // The root keeps what it has, whatever an archive says about it.
    if (name === undefined) return;
    if (this.#whiteouts && isAufs(components, name)) return;
    try {
      const parent = this.#parentOf(entry.name, components, name);
      if (this.#whiteouts && name.startsWith(WHITEOUT)) this.#whiteout(parent, name);
      else this.#create(parent, name, entry);
    } catch (error) {
      throw this.#failure(error, entry.name);
    }
  }

  data(chunk: Buffer, offset: number): void {
    const file = this.#file;
    if (file === undefined) return;
    try {
      if (file.fd === -1) {
        if (chunk.length === file.size && this.#writePlain(file, chunk)) return;
        this.#open(file);
      }
      this.#hashHole(file, offset);
      writeAll(file.fd, chunk, file.sparse ? offset : undefined);
      file.hash!.update(chunk);
      file.hashed += chunk.length;
    } catch (error) {
      throw this.#failure(error, file.path);
    }
  }

  fileEnd(): void {
    const file = this.#file;
    if (file === undefined) return;
    try {
      if (!file.written && (file.size > 0 || !this.#writePlain(file, EMPTY))) this.#endFile(file);
    } catch (error) {
      throw this.#failure(error, file.path);
    }
    this.#file = undefined;
    this.#put(file.parent, file.name, {
      kind: 'leaf',
      type: 'file',
      meta: file.meta,
      size: file.size,
      target: '',
      digest: file.digest,
      missing: false,
      layer: this.#layer,
    });
  }

  /** Writes a file whose whole content is at hand, or has it written. @returns false when it is not plain enough */
  #writePlain(file: OpenFile, content: Buffer): boolean {
    const chmod = this.#metadata.plain(file.path, file.meta);
    if (chmod === undefined) return false;
    const { mode, mtime } = file.meta;
    const path = at(this.#handle(file.parent), file.name);
    const plain: PlainFile = { path, mode, chmod, mtime, content };
    const digest = file.digest;
    const onDone = (value: Uint8Array): void => this.digests.set(digest, value);
    if (this.#helper?.offer(plain, onDone) !== true) onDone(writePlainFile(plain));
    file.written = true;
    return true;
  }

  #endFile(file: OpenFile): void {
    if (file.fd === -1) this.#open(file);
    if (file.sparse) {
      this.#hashHole(file, file.size);
      ftruncateSync(file.fd, file.size);
    }
    this.digests.set(file.digest, file.hash!.digest());
    this.#metadata.file(file.fd, file.path, file.meta);
    closeSync(file.fd);
    file.fd = -1;
  }

  #open(file: OpenFile): void {
    file.fd = createFile(this.#handle(file.parent), file.name, this.#metadata.creationMode(file.meta.mode));
    file.hash = createHash('sha256');
  }

  /** Hashes zeros up to where the next piece begins. */
  #hashHole(file: OpenFile, offset: number): void {
    while (file.hashed < offset) {
      const n = Math.min(ZEROS.length, offset - file.hashed);
      file.hash!.update(ZEROS.subarray(0, n));
      file.hashed += n;
    }
  }

  #create(parent: Directory, name: string, entry: TarEntry): void {
    if (name.length > MAX_NAME) throw archiveError('it holds a name of more than 255 bytes');
    this.#created += 1;
    if (this.#created > this.#limits.maxFiles) {
      throw new CtxsrcError('E_LIMIT', `the image has more than ${this.#limits.maxFiles} files`, {
        hint: 'if that is meant to be so, raise --max-files',
      });
    }
    const existing = parent.children.get(name);
    const meta = this.#metaOf(entry);
    if (entry.type === 'dir') {
      this.#count(name, '', meta);
      if (existing?.kind === 'dir') {
        existing.meta = meta;
        this.#touch(existing);
        return;
      }
      if (existing !== undefined) this.#remove(parent, name, existing);
      this.#mkdir(parent, name, meta);
      return;
    }
    if (entry.type === 'hardlink') {
      this.#hardlink(parent, name, existing, entry.linkName);
      return;
    }
    if (existing !== undefined) this.#remove(parent, name, existing);
    switch (entry.type) {
      case 'file':
        this.#count(name, '', meta);
        this.#bytes += entry.size;
        if (this.#bytes > this.#limits.maxBytes) {
          throw new CtxsrcError('E_LIMIT', `the image unpacks to more than ${this.#limits.maxBytes} bytes`, {
            hint: 'if that is meant to be so, raise --max-bytes',
          });
        }
        this.#file = {
          parent,
          name,
          path: pathIn(parent, name),
          size: entry.size,
          meta,
          sparse: entry.sparse !== undefined,
          digest: this.digests.reserve(),
          fd: -1,
          hash: undefined,
          hashed: 0,
          written: false,
        };
        return;
      case 'symlink':
        this.#symlink(parent, name, entry.linkName, meta);
        return;
      default:
        this.#special(parent, name, entry, meta);
    }
  }

  #metaOf(entry: TarEntry): Metadata {
    const { mtime, mtimeNs } = this.#metadata.clamp(entry.mtime, entry.mtimeNs);
    return { mode: entry.mode, uid: entry.uid, gid: entry.gid, mtime, mtimeNs, xattrs: entry.xattrs };
  }

  #hardlink(parent: Directory, name: string, existing: Node | undefined, linkName: string): void {
    const components = linkName.split('/').filter((part) => part !== '' && part !== '.');
    const targetName = components.pop();
    const shown = printableBytes(linkName);
    const targetParent = targetName === undefined ? undefined : this.#resolve(components, false);
    const target = targetParent?.children.get(targetName!);
    if (target === undefined) throw archiveError(`a hard link to ${shown}, which does not exist`);
    if (target.kind === 'dir') throw archiveError(`a hard link to ${shown}, which is a directory`);
    if (target === existing) throw archiveError(`a hard link to itself, ${shown}`);
    if (existing !== undefined) {
      this.#remove(parent, name, existing);
      if (this.#detached(targetParent!)) throw archiveError(`a hard link to ${shown}, which it replaces`);
    }
    const leaf = leafOf(target);
    this.#count(name, '', undefined);
    if (leaf.missing) this.#loseSpecial(pathIn(parent, name), leaf);
    else {
      this.#helper?.drain();
      linkSync(at(this.#handle(targetParent!), targetName!), at(this.#handle(parent), name));
    }
    this.#put(parent, name, { kind: 'link', leaf, layer: this.#layer });
  }

  /** Whether a directory has been removed, itself or with one above it. */
  #detached(directory: Directory): boolean {
    for (let dir = directory; dir.parent !== undefined; dir = dir.parent) {
      if (dir.parent.children.get(dir.name) !== dir) return true;
    }
    return false;
  }

  #symlink(parent: Directory, name: string, target: string, meta: Metadata): void {
    if (target === '') throw archiveError('a symbolic link to nothing');
    if (target.length > MAX_PATH) throw archiveError('a symbolic link of more than 4095 bytes');
    meta.mode = 0o777;
    this.#count(name, target, meta);
    const path = at(this.#handle(parent), name);
    symlinkSync(bytePath(target), path);
    this.#metadata.link(path, pathIn(parent, name), meta);
    this.#putLeaf(parent, name, 'symlink', meta, target);
  }

  #special(parent: Directory, name: string, entry: TarEntry, meta: Metadata): void {
    const type = entry.type as 'char' | 'block' | 'fifo';
    const target = type === 'fifo' ? '' : `${entry.devMajor}:${entry.devMinor}`;
    this.#count(name, target, meta);
    const path = pathIn(parent, name);
    const typeBits = type === 'fifo' ? S_IFIFO : type === 'char' ? S_IFCHR : S_IFBLK;
    const handle = this.#handle(parent);
    let made = false;
    try {
      const native = this.#metadata.native;
      if (native?.capabilities.mknod) {
        const mode = typeBits | this.#metadata.creationMode(meta.mode);
        native.mknod(at(handle, name), mode, entry.devMajor, entry.devMinor);
        made = true;
      }
    } catch (error) {
      if (!/^(EPERM|EACCES|EINVAL|ENOTSUP)$/.test((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
    if (made) this.#metadata.special(at(handle, name), path, meta, (mode) => chmodSync(at(handle, name), mode));
    const leaf = this.#putLeaf(parent, name, type, meta, target, !made);
    if (!made) this.#loseSpecial(path, leaf);
  }

  #loseSpecial(path: string, leaf: Leaf): void {
    if (leaf.type === 'fifo') this.losses.add('fifo', path, 'fifo');
    else this.losses.add('device', path, `${leaf.type} ${leaf.target}`);
  }

  #whiteout(parent: Directory, name: string): void {
    if (name === OPAQUE) {
      this.#removeOlder(parent);
      return;
    }
    const victim = name.slice(WHITEOUT.length);
    if (victim === '' || victim === '.' || victim === '..') {
      throw new CtxsrcError('E_UNSAFE', `the archive is invalid: a whiteout ${JSON.stringify(name)} names no file`);
    }
    const node = parent.children.get(victim);
    if (node !== undefined) this.#remove(parent, victim, node);
  }

  /** Removes what this layer has not written; directories it wrote into stay, without what older layers put there. */
  #removeOlder(directory: Directory): void {
    for (const [name, node] of directory.children) {
      if (node.layer !== this.#layer) this.#remove(directory, name, node);
      else if (node.kind === 'dir') this.#removeOlder(node);
    }
  }

  #remove(parent: Directory, name: string, node: Node): void {
    this.#lastParentText = undefined;
    this.#helper?.drain();
    if (node.kind === 'dir') {
      for (const [childName, child] of node.children) this.#remove(node, childName, child);
      this.#closeHandle(node);
      rmdirSync(at(this.#handle(parent), name));
    } else if (!isMissing(node)) {
      unlinkSync(at(this.#handle(parent), name));
    }
    parent.children.delete(name);
  }

  #mkdir(parent: Directory, name: string, meta: Metadata): Directory {
    const depth = parent.depth + 1;
    if (name.length > MAX_NAME) throw archiveError('it holds a name of more than 255 bytes');
    if (depth > MAX_DEPTH) throw archiveError(`it nests more than ${MAX_DEPTH} directories`);
    if (pathIn(parent, name).length > MAX_PATH) throw archiveError('it holds a path of more than 4095 bytes');
    // Open to us alone until everything is in it.
    mkdirSync(at(this.#handle(parent), name), 0o700);
    const directory: Directory = {
      kind: 'dir',
      name,
      parent,
      depth,
      children: new Map(),
      meta,
      layer: this.#layer,
    };
    this.#put(parent, name, directory);
    return directory;
  }

  #putLeaf(parent: Directory, name: string, type: LeafType, meta: Metadata, target: string, missing = false): Leaf {
    const leaf: Leaf = { kind: 'leaf', type, meta, size: 0, target, digest: -1, missing, layer: this.#layer };
    this.#put(parent, name, leaf);
    return leaf;
  }

  #put(parent: Directory, name: string, node: Directory | Leaf | HardLink): void {
    parent.children.set(name, node);
    this.#touch(parent);
  }

  /** Notes that this layer wrote the directory or into it. */
  #touch(directory: Directory): void {
    for (let dir: Directory | undefined = directory; dir !== undefined && dir.layer !== this.#layer; dir = dir.parent) {
      dir.layer = this.#layer;
    }
  }

  #count(name: string, target: string, meta: Metadata | undefined): void {
    this.#metadataBytes += name.length + target.length + 64;
    if (meta?.xattrs !== undefined) {
      for (const [key, value] of meta.xattrs) this.#metadataBytes += key.length + value.length;
    }
    if (this.#metadataBytes > MAX_METADATA) {
      throw new CtxsrcError('E_LIMIT', 'the names and attributes of the image take more than 512 MiB of memory');
    }
  }

  /** The directory an entry is in; what is missing of it is made. */
  #parentOf(text: string, components: readonly string[], name: string): Directory {
    const end = text.endsWith('/') ? text.length - 1 : text.length;
    const parentText = text.slice(0, end - name.length);
    // Neighbours in an archive mostly share their parent. Only a text that ends in the name names the parent before it.
    const plain = text.startsWith(name, parentText.length) && (parentText === '' || parentText.endsWith('/'));
    if (plain && parentText === this.#lastParentText) return this.#lastParent!;
    const parent = this.#resolve(components, true)!;
    if (plain) {
      this.#lastParentText = parentText;
      this.#lastParent = parent;
    }
    return parent;
  }

  /**
   * Walks from the root, following links without ever leaving it. Undefined when the way does not exist and is not to
   * be made.
   */
  #resolve(components: readonly string[], create: boolean): Directory | undefined {
    const todo = components.toReversed();
    const missing: string[] = [];
    let dir = this.root;
    let links = 0;
    for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
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
          throw archiveError(`an entry lies below ${printableBytes(pathIn(dir, name))}, which is no directory`);
        }
        links += 1;
        if (links > MAX_LINKS) throw archiveError('the symbolic links of a path go round in circles');
        if (leaf.target.startsWith('/')) dir = this.root;
        todo.push(...leaf.target.split('/').reverse());
      }
    }
    for (const name of missing) {
      this.#count(name, '', undefined);
      this.#created += 1;
      dir = this.#mkdir(dir, name, this.#metadata.undeclared());
    }
    return dir;
  }

  #handle(directory: Directory): OpenDirectory {
    if (directory.parent === undefined) return this.#rootHandle;
    let handle = this.#handles.get(directory);
    if (handle !== undefined) return handle;
    handle = openChild(this.#handle(directory.parent), directory.name);
    this.#handles.set(directory, handle);
    return handle;
  }

  /** Closes the directories opened first. Only between entries: one entry may need several at once. */
  #trimHandles(): void {
    this.#helper?.drain();
    for (const oldest of this.#handles.keys()) {
      if (this.#handles.size <= MAX_OPEN_DIRECTORIES) return;
      this.#closeHandle(oldest);
    }
  }

  #closeHandle(directory: Directory): void {
    const handle = this.#handles.get(directory);
    if (handle === undefined) return;
    this.#handles.delete(directory);
    closeDirectory(handle);
  }

  /**
   * Removes what the filter leaves out. Only now: what is left out may be what a hard link or a symlink of a later layer
   * leads to.
   */
  #select(filter: PathFilter): void {
    const top = this.#resolve(filter.subpath.split('/'), false);
    if (top === undefined) {
      throw new CtxsrcError('E_PATH_NOT_FOUND', `the image has no directory ${printableBytes(filter.subpath)}`, {
        hint: 'subpath names a directory of the image',
      });
    }
    this.#prune(top, '', filter);
    const prefix = top.parent === undefined ? '' : `${pathIn(top.parent, top.name)}/`;
    this.losses.choose((path) => {
      const place = path.startsWith(prefix) ? path.slice(prefix.length) : undefined;
      return place !== undefined && this.#exists(top, place) ? place : undefined;
    });
    if (top !== this.root) this.#hoist(top);
  }

  /** @returns whether anything is left in the directory */
  #prune(directory: Directory, path: string, filter: PathFilter): boolean {
    for (const [name, node] of directory.children) {
      const place = path === '' ? name : `${path}/${name}`;
      const kept = node.kind === 'dir' && this.#prune(node, place, filter);
      if (!kept && !filter.wants(place)) this.#remove(directory, name, node);
    }
    return directory.children.size > 0;
  }

  #exists(top: Directory, path: string): boolean {
    let node: Node | undefined = top;
    for (const name of path.split('/')) node = node?.kind === 'dir' ? node.children.get(name) : undefined;
    return node !== undefined;
  }

  /** Makes a directory the root: everything else goes, its children move up. */
  #hoist(top: Directory): void {
    const chain = [top];
    for (let dir = top.parent; dir?.parent !== undefined; dir = dir.parent) chain.unshift(dir);
    let above = this.root;
    for (const dir of chain) {
      for (const [name, node] of above.children) if (node !== dir) this.#remove(above, name, node);
      above = dir;
    }
    const first = chain[0]!;
    // A child may have the name of the directory above it, which goes last.
    let aside = '.ctxsrc-subpath';
    while (top.children.has(aside)) aside += '-';
    const from = this.#handle(top);
    for (const [name, node] of top.children) {
      if (node.kind === 'dir') this.#closeHandles(node);
      if (!isMissing(node)) renameSync(at(from, name), at(this.#rootHandle, name === first.name ? aside : name));
    }
    for (const dir of chain.toReversed()) {
      this.#closeHandle(dir);
      rmdirSync(at(this.#handle(dir.parent!), dir.name));
    }
    this.root.children.clear();
    for (const [name, node] of top.children) {
      if (name === first.name && !isMissing(node)) renameSync(at(this.#rootHandle, aside), at(this.#rootHandle, name));
      if (node.kind === 'dir') node.parent = this.root;
      this.root.children.set(name, node);
    }
  }

  #closeHandles(directory: Directory): void {
    this.#closeHandle(directory);
    for (const node of directory.children.values()) if (node.kind === 'dir') this.#closeHandles(node);
  }

  /** Children first: a directory's mode may forbid to reach them, and they change its times. */
  #settle(directory: Directory, handle: OpenDirectory, path: string): void {
    try {
      for (const [name, node] of directory.children) {
        if (node.kind !== 'dir') continue;
        const child = openChild(handle, name);
        try {
          this.#settle(node, child, path === '' ? name : `${path}/${name}`);
        } finally {
          closeDirectory(child);
        }
      }
      this.#metadata.directory(handle.fd, path, directory.meta);
    } catch (error) {
      throw this.#failure(error, path);
    }
  }

  #failure(error: unknown, name: string): Error {
    return ioError(error, `cannot write ${printableBytes(name)}`);
  }
}

/** The components of a name, cleaned as an absolute path: `..` ends at the root. */
function cleanComponents(name: string): string[] {
  const result: string[] = [];
  for (const part of name.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') result.pop();
    else result.push(part);
  }
  return result;
}

function isMissing(node: Node): boolean {
  return node.kind !== 'dir' && leafOf(node).missing;
}

function isAufs(components: readonly string[], name: string): boolean {
  return components[0]?.startsWith(AUFS) ?? (name.startsWith(AUFS) && name !== OPAQUE);
}
