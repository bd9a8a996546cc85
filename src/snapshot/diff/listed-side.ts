/** A compared tree that lies in the layers of an image: its entries are known, its files are not unpacked. */
import { createHash } from 'node:crypto';
import type { JobContext } from '../../contract/index.ts';
import { type Digest, sha256 } from '../../core/digest.ts';
import { ReadBudget, type ReadLimits } from '../../core/read-limits.ts';
import { type ByteString, textOfBytes } from '../../fs/byte-string.ts';
import { isHashedXattr } from '../../fs/entry/header.ts';
import type { TreeEntry } from '../../fs/entry/tree-entry.ts';
import type { ReadXattrs } from '../../fs/entry/xattrs.ts';
import type { EntryTree, TreeNode } from '../../image/entries/entry-tree.ts';
import type { FileTree } from '../../image/entries/file-tree.ts';
import type { Inode } from '../../image/entries/inode.ts';
import { type ListedEntry, listDirectory } from '../../image/entries/listing.ts';
import type { ComparedSide } from './compared-side.ts';

/** The tree of an image. */
export interface ListedTree {
  readonly files: FileTree;
  readonly tree: EntryTree;
  /** In the order of a walk, made while they are walked. */
  readonly entries: Iterable<ListedEntry>;
  /** The diff IDs of the layers, base first. */
  readonly diffIds: readonly unknown[];
}

/** Lists the files of an image; layers that have no index in the store yet are read. */
export async function listedTree(
  job: JobContext,
  files: FileTree,
  diffIds: ListedTree['diffIds'],
): Promise<ListedTree> {
  await files.readAll(job);
  return files.ask(job, (tree) => ({ files, tree, diffIds, entries: listDirectory(tree, tree.root, true) }));
}

export const isListed = (tree: object | undefined): tree is ListedTree => tree !== undefined && 'entries' in tree;

/**
 * The digests that the index of a layer does not have: those of files with holes, of which only the pieces are read. A
 * file that both trees have from one entry of one layer is the same, and is not read.
 */
export async function missingDigests(
  job: JobContext,
  tree: ListedTree,
  other: ListedTree | undefined,
): Promise<ReadonlyMap<ByteString, Digest>> {
  const found = new Map<ByteString, Digest>();
  for (const { path, type, size, digest } of tree.entries) {
    if (type !== 'file' || size === 0 || digest !== undefined) continue;
    const inode = inodeOf(tree, path);
    const counterpart = other && inodeOf(other, path);
    if (inode === undefined) continue;
    const origin = originOf(tree, inode);
    const isShared = origin !== undefined && counterpart !== undefined && origin === originOf(other!, counterpart);
    found.set(path, isShared ? sha256(origin) : await digestOf(tree.files.read(job, inode)));
  }
  return found;
}

/** The file at a path of the tree itself. */
export function inodeOf({ tree }: ListedTree, path: ByteString): Inode | undefined {
  let node: TreeNode | undefined = tree.root;
  for (const name of path.split('/')) node = node?.kind === 'dir' ? node.children.get(name) : undefined;
  return node?.kind === 'leaf' ? node.inode : undefined;
}

function originOf({ diffIds }: ListedTree, { layer, index }: Inode): string | undefined {
  return layer === undefined ? undefined : `${String(diffIds[layer])} ${index}`;
}

async function digestOf(content: AsyncIterable<Uint8Array>): Promise<Digest> {
  const hash = createHash('sha256');
  for await (const chunk of content) hash.update(chunk);
  return `sha256:${hash.digest('hex')}`;
}

/** The entries of an image as a walk. */
export class ListedSide implements ComparedSide {
  readonly modes = 'exact';
  readonly keepsOwners = true;
  readonly #tree: ListedTree;
  readonly #walk: Iterator<ListedEntry>;
  readonly #digests: ReadonlyMap<ByteString, Digest>;
  readonly #budget: ReadBudget;
  /** The entry that was given last. */
  #last: ListedEntry | undefined;

  constructor(tree: ListedTree, digests: ReadonlyMap<ByteString, Digest>, limits: ReadLimits | undefined) {
    this.#tree = tree;
    this.#walk = tree.entries[Symbol.iterator]();
    this.#digests = digests;
    this.#budget = new ReadBudget(limits, 'the image');
  }

  // biome-ignore lint/correctness/useYield: nothing here takes long
  *next(): Generator<undefined, TreeEntry | undefined> {
    const { value: entry }: { value?: ListedEntry } = this.#walk.next();
    this.#last = entry;
    if (entry === undefined) return undefined;
    this.#budget.spend(1, entry.type === 'file' ? entry.size : 0);
    const { path, mode, size, uid, gid, mtime, mtimeNs } = entry;
    const unknown = { nlink: 1, dev: 0, ino: 0, rdev: 0, ctimeMs: 0 };
    return { ...unknown, path, type: this.#type, mode, size, uid, gid, mtimeMs: mtime * 1000 + mtimeNs / 1e6 };
  }

  /** What the entry that was given last is; of another name of a file, that file. */
  get #file(): Pick<ListedEntry, 'type' | 'target' | 'digest'> {
    const last = this.#last!;
    return last.type === 'hardlink' ? inodeOf(this.#tree, last.path)! : last;
  }

  get #type(): TreeEntry['type'] {
    const { type } = this.#file;
    return type === 'hardlink' ? 'file' : type;
  }

  whyIgnored(): undefined {
    return undefined;
  }

  remembered(): undefined {
    return undefined;
  }

  target(): string {
    return textOfBytes(this.#file.target ?? '');
  }

  device(): string {
    return this.#file.target ?? '';
  }

  xattrs(): ReadXattrs {
    const hashed = [...(this.#last!.xattrs ?? [])].filter(([name]) => isHashedXattr(name));
    return { xattrs: new Map(hashed), incomplete: false };
  }

  // biome-ignore lint/correctness/useYield: the digest is known
  *digest(): Generator<undefined, Digest> {
    const { type, path, target } = this.#last!;
    return this.#file.digest ?? this.#digests.get(type === 'hardlink' ? target! : path) ?? sha256('');
  }

  layer(): number | undefined {
    return this.#last!.layer;
  }

  isLink(): boolean {
    return this.#last!.type === 'hardlink';
  }
}
