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
import { shortenedBytes } from '../../fs/byte-string.ts';
import { PathFilter } from '../../fs/match/path-filter.ts';
import { at, closeDirectory, type OpenDirectory, openChild, openRoot } from '../../fs/write/confined.ts';
import { LossList } from '../../fs/write/losses.ts';
import { archiveError } from '../tar/header.ts';
import { NO_OWNER, type TarEntry, type TarHandler } from '../tar/reader.ts';
import { DigestTable } from './digest-table.ts';
import { AUFS_LINKS, cleanComponents, isOfAufs, whitedOut } from './entry-names.ts';
import { type FileHelper, FileWriter } from './file-writer.ts';
import { LayerMetadata } from './metadata.ts';
import { OtherEntries } from './other-entries.ts';
import { parentFinder } from './parents.ts';
import { selectPaths } from './select.ts';
import { type Directory, leafOf, MAX_LAYER_TIME, type Node, pathIn } from './tree.ts';
import { checkNameLength, WrittenTree } from './written-tree.ts';

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
  readonly #parentOf: ReturnType<typeof parentFinder>;
  readonly #files: FileWriter;
  readonly #others: OtherEntries;
  #bytes = 0;

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
    this.#parentOf = parentFinder(this.#tree);
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
    return this.#files.bytes;
  }

  /** The part of the content pushed so far that must stay where it is. */
  get kept(): Buffer | undefined {
    return this.#files.kept;
  }

  beginLayer(): void {
    this.#tree.layer += 1;
  }

  endLayer(): void {
    if (this.#files.path !== undefined) throw archiveError('it ends within a file');
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
    this.#files.abandon();
    this.#tree.close();
  }

  entry(entry: TarEntry): void {
    this.#tree.trimHandles();
    const components = cleanComponents(entry.name);
    const name = components.pop();
    // The root keeps its metadata, whatever an archive says.
    if (name === undefined) return;
    if (this.#whiteouts && isOfAufs(components, name, entry.type)) return;
    try {
      const parent = this.#parentOf(entry.name, components, name);
      const removed = this.#whiteouts ? whitedOut(name) : undefined;
      if (removed === undefined) this.#create(parent, name, entry);
      else this.#whiteout(parent, removed);
    } catch (error) {
      throw this.#failure(error, entry.name);
    }
  }

  data(chunk: Buffer, offset: number): void {
    try {
      this.#files.write(chunk, offset);
    } catch (error) {
      throw this.#failure(error, this.#files.path!);
    }
  }

  fileEnd(): void {
    try {
      this.#files.end();
    } catch (error) {
      throw this.#failure(error, this.#files.path!);
    }
  }

  #create(parent: Directory, name: string, entry: TarEntry): void {
    checkNameLength(name);
    this.#tree.created += 1;
    const { maxFiles, maxBytes } = this.#limits;
    if (this.#tree.created > maxFiles) this.#refuse(`has more than ${maxFiles} files`, '--max-files');
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
        if (this.#bytes > maxBytes) this.#refuse(`unpacks to more than ${maxBytes} bytes`, '--max-bytes');
        this.#files.begin(parent, name, entry, meta);
        return;
      case 'symlink':
        this.#others.symlink(parent, name, entry.linkName, meta);
        return;
      default:
        this.#others.special(parent, name, entry, meta);
    }
  }

  #refuse(what: string, flag: string): never {
    throw new CtxsrcError('E_LIMIT', `the ${this.#whiteouts ? 'image' : 'archive'} ${what}`, {
      hint: `if that is meant to be so, raise ${flag}`,
    });
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

  #whiteout(parent: Directory, removed: string): void {
    const node = parent.children.get(removed);
    if (removed === '') this.#tree.removeOlder(parent);
    else if (node !== undefined) this.#tree.remove(parent, removed, node);
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
