/**
 * Applies layers to an empty directory, one after another, by containerd's rules (image-spec layer.md, "Applying
 * Changesets"): names are resolved inside the root, and links in parents are followed; whiteouts and opaque markers
 * remove entries; an entry replaces an existing one unless both are directories; directories get their metadata at the
 * end.
 */

import { linkSync } from 'node:fs';
import type { Metadata } from '../../contract/entry.ts';
import type { WriteOptions } from '../../contract/ref.ts';
import { CtxsrcError, localError } from '../../core/errors.ts';
import { IMAGE_INVALID } from '../../core/integrity-hints.ts';
import { PathFilter } from '../../fs/match/path-filter.ts';
import { at, closeDirectory, type OpenDirectory, openChild, openRoot } from '../../fs/write/confined.ts';
import { LossList } from '../../fs/write/losses.ts';
import { shortenedBytes } from '../tar/byte-names.ts';
import { archiveError } from '../tar/header.ts';
import { NO_OWNER, type TarEntry, type TarHandler } from '../tar/reader.ts';
import { DigestTable } from './digest-table.ts';
import { type ComingFile, type FileHelper, FileWriter } from './file-writer.ts';
import { LayerMetadata } from './metadata.ts';
import { OtherEntries } from './other-entries.ts';
import { selectPaths } from './select.ts';
import { type Directory, leafOf, type Node, pathIn } from './tree.ts';
import { checkNameLength, WrittenTree } from './written-tree.ts';

const WHITEOUT = '.wh.';
const OPAQUE = '.wh..wh..opq';
/** Prefix of names at the root of a layer that aufs used for itself. */
const AUFS = '.wh..wh.';
/** Directory of aufs for files with several names, which are hard links into it. */
const AUFS_LINKS = '.wh..wh.plnk';
/** The range of 63 bits of nanoseconds, in seconds: containerd changes a time after it, or before 1970, to 1970. */
const MAX_LAYER_TIME = 9_223_372_036;

export type ApplyOptions = Pick<WriteOptions, 'owner' | 'epoch' | 'limits' | 'filter'> & {
  /** False for an archive that is not a layer: names of whiteouts have no special meaning in it. */
  readonly whiteouts?: boolean | undefined;
};

/**
 * Call `beginLayer`, push the layer through a `TarReader` whose handler is this object, call `endLayer`, and repeat for
 * the next layer; finally call `finish`, and `close` in any case. All methods throw CtxsrcError: `E_ARCHIVE_INVALID`,
 * `E_UNSAFE`, `E_LIMIT`, or failures of local I/O; the directory is then incomplete and has to be removed.
 */
export class LayerApplier implements TarHandler {
  readonly digests: DigestTable;
  readonly losses: LossList;
  readonly #limits: ApplyOptions['limits'];
  readonly #whiteouts: boolean;
  readonly #filter: PathFilter | undefined;
  readonly #metadata: LayerMetadata;
  readonly #helper: FileHelper | undefined;
  readonly #tree: WrittenTree;
  readonly #files: FileWriter;
  readonly #others: OtherEntries;
  #file: ComingFile | undefined;
  #bytes = 0;
  #written = 0;
  /** The metadata of the last file as it was written: files with equal metadata share the object. */
  #lastMeta: Metadata | undefined;
  /** The parent of the last entry, as its text and its directory; valid until something is removed. */
  #lastParentText: string | undefined;
  #lastParent: Directory | undefined;
  #lastParentAt = 0;

  /** @param dir an empty directory that no other process uses */
  constructor(dir: string, options: ApplyOptions, helper?: FileHelper) {
    this.digests = helper?.digests ?? new DigestTable();
    this.#limits = options.limits;
    this.#helper = helper;
    this.#whiteouts = options.whiteouts ?? true;
    this.#filter = options.filter === undefined ? undefined : new PathFilter(options.filter);
    this.losses = new LossList(this.#filter === undefined ? undefined : Number.POSITIVE_INFINITY);
    const root = openRoot(dir);
    try {
      this.#metadata = new LayerMetadata(root, options, this.losses);
    } catch (error) {
      closeDirectory(root);
      throw localError(error, `cannot write into ${dir}`);
    }
    this.#tree = new WrittenTree(
      root,
      () => this.#metadata.undeclared(),
      () => helper?.drain(),
    );
    this.#files = new FileWriter(this.#tree, this.#metadata, this.digests, helper);
    this.#others = new OtherEntries(this.#tree, this.#metadata, this.losses);
  }

  /** The tree that was written. */
  get root(): Directory {
    return this.#tree.root;
  }

  /** Number of entries made so far, and bytes of content written. */
  get entries(): number {
    return this.#tree.created;
  }

  get bytes(): number {
    return this.#written;
  }

  /** The thing being unpacked, for messages. */
  get #what(): string {
    return this.#whiteouts ? 'image' : 'archive';
  }

  beginLayer(): void {
    this.#tree.layer += 1;
  }

  endLayer(): void {
    if (this.#file !== undefined) throw archiveError('it ends within a file');
    const links = this.#whiteouts ? this.root.children.get(AUFS_LINKS) : undefined;
    if (links !== undefined) this.#tree.remove(this.root, AUFS_LINKS, links);
  }

  /** Removes what the filter does not select, and gives directories their metadata. */
  finish(): void {
    this.#helper?.drain();
    if (this.#filter !== undefined) selectPaths(this.#tree, this.losses, this.#filter);
    this.#finishDirectory(this.root, this.#tree.rootHandle, '');
  }

  /** Closes everything. */
  close(): void {
    // Until it is idle the helper may be writing below an open directory: once that is closed, it would fail for a false
    // reason, or write elsewhere. A failed write, which ends its job, matters only in `finish`.
    let isIdle = false;
    while (!isIdle) {
      try {
        this.#helper?.drain();
        isIdle = true;
      } catch {
        // The next file is tried.
      }
    }
    if (this.#file !== undefined) this.#files.abandon(this.#file);
    this.#file = undefined;
    this.#tree.close();
  }

  entry(entry: TarEntry): void {
    this.#file = undefined;
    this.#tree.trimHandles();
    const components = cleanComponents(entry.name);
    const name = components.pop();
    // The root keeps its metadata, whatever an archive says.
    if (name === undefined) return;
    if (this.#whiteouts && isAufs(components, name) && !(isAufsLink(components) && entry.type === 'file')) return;
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
      this.#files.write(file, chunk, offset);
    } catch (error) {
      throw this.#failure(error, file.path);
    }
    this.#written += chunk.length;
  }

  fileEnd(): void {
    const file = this.#file;
    if (file === undefined) return;
    try {
      this.#files.end(file);
    } catch (error) {
      throw this.#failure(error, file.path);
    }
    this.#file = undefined;
    this.#tree.put(file.parent, file.name, {
      kind: 'leaf',
      type: 'file',
      meta: this.#shared(file.meta),
      size: file.size,
      target: '',
      digest: file.digest,
      missing: false,
      layer: this.#tree.layer,
    });
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

  #create(parent: Directory, name: string, entry: TarEntry): void {
    checkNameLength(name);
    this.#tree.created += 1;
    if (this.#tree.created > this.#limits.maxFiles) {
      throw new CtxsrcError('E_LIMIT', `the ${this.#what} has more than ${this.#limits.maxFiles} files`, {
        hint: 'if that is meant to be so, raise --max-files',
      });
    }
    if (entry.type === 'label') throw archiveError('it has a name of its own, which no layer has');
    const existing = parent.children.get(name);
    if (entry.type === 'hardlink') {
      this.#hardlink(parent, name, existing, entry);
      return;
    }
    const meta = this.#metaOf(entry, entry.type === 'dir' && existing?.kind === 'dir' ? existing.meta : undefined);
    if (entry.type === 'dir') {
      this.#tree.count(name, '', meta);
      if (existing?.kind === 'dir') {
        existing.meta = meta;
        this.#tree.touch(existing);
        return;
      }
      if (existing !== undefined) this.#tree.remove(parent, name, existing);
      this.#tree.mkdir(parent, name, meta);
      return;
    }
    if (existing !== undefined) this.#tree.remove(parent, name, existing);
    switch (entry.type) {
      case 'file':
        this.#tree.count(name, '', meta);
        this.#bytes += entry.size;
        if (this.#bytes > this.#limits.maxBytes) {
          throw new CtxsrcError('E_LIMIT', `the ${this.#what} unpacks to more than ${this.#limits.maxBytes} bytes`, {
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
        this.#others.symlink(parent, name, entry.linkName, meta);
        return;
      default:
        this.#others.special(parent, name, entry, meta);
    }
  }

  /** @param present the metadata of an existing entry that stays: it keeps its owner if the entry has none */
  #metaOf(entry: TarEntry, present: Metadata | undefined): Metadata {
    const bounded = this.#whiteouts && (entry.mtime < 0 || entry.mtime > MAX_LAYER_TIME);
    const { mtime, mtimeNs } = bounded ? { mtime: 0, mtimeNs: 0 } : entry;
    let { uid, gid } = entry;
    if (uid === NO_OWNER) uid = (present ?? this.#metadata.undeclared()).uid;
    if (gid === NO_OWNER) gid = (present ?? this.#metadata.undeclared()).gid;
    const meta = { mode: entry.mode, uid, gid, mtime, mtimeNs, xattrs: entry.xattrs };
    this.#metadata.clamp(meta);
    return meta;
  }

  #hardlink(parent: Directory, name: string, existing: Node | undefined, entry: TarEntry): void {
    const components = entry.linkName.split('/').filter((part) => part !== '' && part !== '.');
    const targetName = components.pop();
    const shown = shortenedBytes(entry.linkName);
    const targetParent = targetName === undefined ? undefined : this.#tree.resolve(components, false);
    const target = targetParent?.children.get(targetName!);
    if (target === undefined) throw this.#linkError(`a hard link to ${shown}, which does not exist`);
    if (target.kind === 'dir') throw this.#linkError(`a hard link to ${shown}, which is a directory`);
    if (target === existing) throw this.#linkError(`a hard link to itself, ${shown}`);
    if (existing !== undefined) {
      this.#tree.remove(parent, name, existing);
      if (this.#tree.detached(targetParent!)) throw this.#linkError(`a hard link to ${shown}, which it replaces`);
    }
    const leaf = leafOf(target);
    const meta = this.#metaOf(entry, leaf.meta);
    this.#tree.count(name, '', meta);
    const path = pathIn(parent, name);
    if (leaf.missing) this.#others.noteMissing(path, leaf);
    else {
      this.#helper?.drain();
      const place = at(this.#tree.handle(parent), name);
      linkSync(at(this.#tree.handle(targetParent!), targetName!), place);
      leaf.meta = this.#metadata.renamed(place, path, leaf, meta);
    }
    this.#tree.put(parent, name, { kind: 'link', leaf, layer: this.#tree.layer });
  }

  /** GNU tar is more lenient than containerd, which is how such archives are made. */
  #linkError(what: string): CtxsrcError {
    const hint = this.#whiteouts ? IMAGE_INVALID : 'leave that entry out: --exclude and its path';
    return archiveError(what, { hint });
  }

  #whiteout(parent: Directory, name: string): void {
    if (name === OPAQUE) {
      this.#tree.removeOlder(parent);
      return;
    }
    const victim = name.slice(WHITEOUT.length);
    if (victim === '' || victim === '.' || victim === '..') {
      throw new CtxsrcError(
        'E_UNSAFE',
        `the archive is invalid: a whiteout ${JSON.stringify(shortenedBytes(name))} names no file`,
      );
    }
    const node = parent.children.get(victim);
    if (node !== undefined) this.#tree.remove(parent, victim, node);
  }

  /** The directory of an entry; missing directories are made. */
  #parentOf(text: string, components: readonly string[], name: string): Directory {
    const end = text.endsWith('/') ? text.length - 1 : text.length;
    const parentText = text.slice(0, end - name.length);
    // Adjacent entries mostly share their parent. The text before the name is the parent only if the text ends in the
    // name.
    const plain = text.startsWith(name, parentText.length) && (parentText === '' || parentText.endsWith('/'));
    if (plain && parentText === this.#lastParentText && this.#lastParentAt === this.#tree.removals) {
      return this.#lastParent!;
    }
    const parent = this.#tree.resolve(components, true)!;
    if (plain) {
      this.#lastParentText = parentText;
      this.#lastParent = parent;
      this.#lastParentAt = this.#tree.removals;
    }
    return parent;
  }

  /** Children first: a directory's mode may make them unreachable, and they change its times. */
  #finishDirectory(directory: Directory, handle: OpenDirectory, path: string): void {
    try {
      for (const [name, node] of directory.children) {
        if (node.kind !== 'dir') continue;
        const child = openChild(handle, name);
        try {
          this.#finishDirectory(node, child, path === '' ? name : `${path}/${name}`);
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
    return localError(error, `cannot write ${shortenedBytes(name)}`);
  }
}

/** The components of a name, cleaned as an absolute path: `..` stops at the root. */
function cleanComponents(name: string): string[] {
  const result: string[] = [];
  for (const part of name.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') result.pop();
    else result.push(part);
  }
  return result;
}

function isAufsLink(components: readonly string[]): boolean {
  return components.length === 1 && components[0] === AUFS_LINKS;
}

function isAufs(components: readonly string[], name: string): boolean {
  return components[0]?.startsWith(AUFS) ?? (name.startsWith(AUFS) && name !== OPAQUE);
}
