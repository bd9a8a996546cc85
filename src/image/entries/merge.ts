/**
 * Applies the entries of layers to a tree in memory, by the rules of `layer/apply/apply.ts`: the result has the entries
 * that unpacking would write, for a user who may give files away.
 */
import type { Entry, Metadata } from '../../contract/entry.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { shortenedBytes } from '../../fs/byte-string.ts';
import { CAPABILITY } from '../../fs/write/metadata.ts';
import { AUFS_LINKS, cleanComponents, isOfAufs, whitedOut } from '../../layer/apply/entry-names.ts';
import { MAX_LAYER_TIME } from '../../layer/apply/tree.ts';
import { checkNameLength, MAX_PATH } from '../../layer/apply/written-tree.ts';
import { archiveError } from '../../layer/tar/header.ts';
import { NO_OWNER } from '../../layer/tar/reader.ts';
import {
  EntryTree,
  LowerLayersNeeded,
  type OnLost,
  type TreeDirectory,
  type TreeNode,
  UNDECLARED,
} from './entry-tree.ts';
import { Inode } from './inode.ts';

export interface MergeLimits {
  readonly maxBytes: number;
  readonly maxFiles: number;
}

/** What an entry of a layer does to the tree below; `none`: it makes nothing. */
export type Change = 'none' | 'add' | 'replace' | 'remove' | 'opaque';

/** Told of what the layers do to each other. */
export interface MergeObserver {
  entry(index: number, change: Change): void;
  readonly lost: OnLost;
}

export class LayerMerge {
  readonly tree: EntryTree;
  readonly #limits: MergeLimits;
  readonly #alone: boolean;
  readonly #observer: MergeObserver | undefined;
  #layer = 0;
  #bytes = 0;
  /** The last one, which further files share that have the same. */
  #meta: Metadata = UNDECLARED;

  /**
   * @param complete false if lower layers stay unknown
   * @param alone one layer by itself: whiteouts are entries like others, hard links may lead into lower layers
   */
  constructor(
    limits: MergeLimits,
    { complete, alone }: { readonly complete: boolean; readonly alone: boolean },
    observer?: MergeObserver,
  ) {
    this.tree = new EntryTree(complete, observer?.lost);
    this.#observer = observer;
    this.#limits = limits;
    this.#alone = alone;
  }

  /**
   * Applies one layer, the lowest first.
   * @throws LowerLayersNeeded; CtxsrcError `E_ARCHIVE_INVALID`, `E_UNSAFE`, `E_LIMIT`
   */
  apply(layer: number, entries: Iterable<Entry>): void {
    this.#layer = layer;
    let index = 0;
    for (const entry of entries) {
      const change = this.#entry(entry, index);
      this.#observer?.entry(index, change);
      index += 1;
    }
    if (!this.#alone && this.tree.root.children.has(AUFS_LINKS)) this.tree.remove(this.tree.root, AUFS_LINKS, layer);
  }

  #entry(entry: Entry, index: number): Change {
    const components = cleanComponents(entry.path);
    const name = components.pop();
    if (name === undefined) return 'none';
    if (!this.#alone && isOfAufs(components, name, entry.type)) return 'none';
    const parent = this.tree.resolve(components, true, this.#layer)!;
    const removed = this.#alone ? undefined : whitedOut(name);
    this.tree.noteFloating(parent, removed ?? name);
    if (removed === '') {
      this.tree.removeOlder(parent, this.#layer);
      return 'opaque';
    }
    if (removed !== undefined) {
      this.tree.remove(parent, removed, this.#layer);
      return 'remove';
    }
    const before = parent.children.get(name)?.kind;
    this.#create(parent, name, entry, index);
    return before === undefined || before === 'gone' ? 'add' : 'replace';
  }

  #create(parent: TreeDirectory, name: string, entry: Entry, index: number): void {
    checkNameLength(name);
    this.tree.created += 1;
    const { maxFiles, maxBytes } = this.#limits;
    if (this.tree.created > maxFiles) refuse(`has more than ${maxFiles} files`, '--max-files');
    const found = parent.children.get(name);
    const existing = found?.kind === 'gone' ? undefined : found;
    if (entry.type === 'hardlink') {
      this.#hardlink(parent, name, existing, entry);
      return;
    }
    if (entry.type === 'dir') {
      this.#directory(parent, name, existing, entry);
      return;
    }
    const { type, size, target, digest } = entry;
    if (type === 'symlink' && target === undefined) throw archiveError('a symbolic link to nothing');
    if (type === 'symlink' && target!.length > MAX_PATH) throw archiveError('a symbolic link of more than 4095 bytes');
    if (type === 'file') {
      this.#bytes += size;
      if (this.#bytes > maxBytes) refuse(`unpacks to more than ${maxBytes} bytes`, '--max-bytes');
    }
    const meta = this.#metaOf(entry, UNDECLARED, type === 'symlink' ? 0o777 : entry.mode);
    this.tree.count(name, target ?? '', meta);
    this.#put(parent, name, new Inode({ type, size, target, digest }, meta, this.#layer, index));
  }

  #directory(parent: TreeDirectory, name: string, existing: TreeNode | undefined, entry: Entry): void {
    const isNew = existing?.kind !== 'dir';
    const mayExist = existing === undefined ? !parent.complete && !parent.children.has(name) : !isNew;
    const before = existing?.kind === 'dir' ? existing.meta : undefined;
    // A directory of a lower layer keeps its owner if the entry has none.
    const keepsOwner = entry.uid === NO_OWNER || entry.gid === NO_OWNER;
    if (keepsOwner && mayExist && before === undefined) throw new LowerLayersNeeded();
    const meta = this.#metaOf(entry, before ?? UNDECLARED);
    this.tree.count(name, '', meta);
    if (existing?.kind !== 'dir') {
      this.tree.mkdir(parent, name, meta, this.#layer);
      return;
    }
    existing.meta = meta;
    existing.declared = this.#layer;
    this.tree.touch(existing, this.#layer);
  }

  #hardlink(parent: TreeDirectory, name: string, existing: TreeNode | undefined, entry: Entry): void {
    const shown = shortenedBytes(entry.target ?? '');
    const target = this.#linked(entry);
    if (target === 'below') {
      this.tree.put(parent, name, { kind: 'below', layer: this.#layer }, this.#layer);
      return;
    }
    if (target === undefined) {
      if (!this.#alone) throw archiveError(`a hard link to ${shown}, which does not exist`);
      const meta = this.#metaOf(entry, UNDECLARED);
      this.#put(parent, name, new Inode({ type: 'hardlink', size: 0, target: linkPath(entry) }, meta));
      return;
    }
    const { node, dir } = target;
    if (node.kind !== 'leaf') throw archiveError(`a hard link to ${shown}, which is a directory`);
    if (node === existing) throw archiveError(`a hard link to itself, ${shown}`);
    if (existing?.kind === 'dir' && isWithin(dir, existing)) {
      throw archiveError(`a hard link to ${shown}, which it replaces`);
    }
    const { inode } = node;
    const mode = inode.type === 'symlink' ? inode.meta.mode : entry.mode;
    const meta = this.#metaOf(withAttributes(entry, inode.meta.xattrs), inode.meta, mode);
    this.tree.count(name, '', meta);
    inode.meta = meta;
    this.#put(parent, name, inode);
  }

  /** What a hard link leads to; `below` if that is in a layer that is not known. */
  #linked(entry: Entry): { readonly node: TreeNode; readonly dir: TreeDirectory } | 'below' | undefined {
    const components = (entry.target ?? '').split('/').filter((part) => part !== '' && part !== '.');
    const name = components.pop();
    if (name === undefined) return undefined;
    try {
      const dir = this.tree.resolve(components, false);
      const node = dir?.children.get(name);
      if (node?.kind === 'below' || (node === undefined && dir?.complete === false)) return 'below';
      return dir === undefined || node === undefined || node.kind === 'gone' ? undefined : { node, dir };
    } catch (error) {
      if (error instanceof LowerLayersNeeded) return 'below';
      throw error;
    }
  }

  /** @param before what an owner that the entry does not have stays */
  #metaOf(entry: Entry, before: Metadata, mode = entry.mode): Metadata {
    const isBounded = entry.mtime < 0 || entry.mtime > MAX_LAYER_TIME;
    const uid = entry.uid === NO_OWNER ? before.uid : entry.uid;
    const gid = entry.gid === NO_OWNER ? before.gid : entry.gid;
    const [mtime, mtimeNs] = isBounded ? [0, 0] : [entry.mtime, entry.mtimeNs];
    const last = this.#meta;
    const isSame = last.mode === mode && last.uid === uid && last.gid === gid && last.xattrs === entry.xattrs;
    if (!isSame || last.mtime !== mtime || last.mtimeNs !== mtimeNs) {
      this.#meta = { mode, uid, gid, mtime, mtimeNs, xattrs: entry.xattrs };
    }
    return this.#meta;
  }

  #put(parent: TreeDirectory, name: string, inode: Inode): void {
    this.tree.put(parent, name, inode.name(this.#layer), this.#layer);
  }
}

/** A further name leaves a file its attributes but capabilities, which the kernel clears when an owner is set. */
function withAttributes(entry: Entry, had: Metadata['xattrs']): Entry {
  if (had === undefined) return entry;
  const kept = [...had].filter(([name]) => name !== CAPABILITY);
  const all = new Map([...kept, ...(entry.xattrs ?? [])]);
  return { ...entry, xattrs: all.size > 0 ? all : undefined };
}

function linkPath({ target }: Entry): string {
  return cleanComponents(target ?? '').join('/');
}

function isWithin(dir: TreeDirectory, above: TreeDirectory): boolean {
  for (let at: TreeDirectory | undefined = dir; at !== undefined; at = at.parent) if (at === above) return true;
  return false;
}

function refuse(what: string, flag: string): never {
  throw new CtxsrcError('E_LIMIT', `the image ${what}`, { hint: `if that is meant to be so, raise ${flag}` });
}
