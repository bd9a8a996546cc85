/** A compared tree that lies in the layers of an image: its entries are known, its files are not unpacked. */
import { createHash } from 'node:crypto';
import type { JobContext } from '../../contract/index.ts';
import { type Digest, sha256 } from '../../core/digest.ts';
import { ReadBudget, type ReadLimits } from '../../core/read-limits.ts';
import { type ByteString, textOfBytes } from '../../fs/byte-string.ts';
import { isHashedXattr } from '../../fs/entry/header.ts';
import type { TreeEntry } from '../../fs/entry/tree-entry.ts';
import type { ReadXattrs } from '../../fs/entry/xattrs.ts';
import type { Inode } from '../../image/entries/entry-tree.ts';
import type { FileTree } from '../../image/entries/file-tree.ts';
import { type ListedEntry, listDirectory } from '../../image/entries/listing.ts';
import type { ComparedSide } from './compared-side.ts';

/** The tree of an image. */
export interface ListedTree {
  readonly files: FileTree;
  /** In the order of a walk. */
  readonly entries: readonly ListedEntry[];
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
  return { files, diffIds, entries: await files.ask(job, (tree) => [...listDirectory(tree, tree.root, true)]) };
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
  const missing = tree.entries.filter(({ type, size, digest }) => type === 'file' && size > 0 && digest === undefined);
  for (const { path } of missing) {
    const inode = await inodeOf(job, tree, path);
    const counterpart = other && (await inodeOf(job, other, path));
    if (inode === undefined) continue;
    const origin = originOf(tree, inode);
    const isShared = origin !== undefined && counterpart !== undefined && origin === originOf(other!, counterpart);
    found.set(path, isShared ? sha256(origin) : await digestOf(tree.files.read(job, inode)));
  }
  return found;
}

/** The file at a path of the tree itself. */
export function inodeOf(job: JobContext, { files }: ListedTree, path: ByteString): Promise<Inode | undefined> {
  return files.ask(job, (tree) => {
    const names = path.split('/');
    let node: ReturnType<typeof tree.root.children.get> = tree.root;
    for (const name of names) node = node?.kind === 'dir' ? node.children.get(name) : undefined;
    return node?.kind === 'leaf' ? node.inode : undefined;
  });
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
  readonly #entries: readonly ListedEntry[];
  readonly #digests: ReadonlyMap<ByteString, Digest>;
  /** Digests of files with several names, by the first. */
  readonly #firsts = new Map<ByteString, ListedEntry>();
  readonly #budget: ReadBudget;
  #at = -1;

  constructor(tree: ListedTree, digests: ReadonlyMap<ByteString, Digest>, limits: ReadLimits | undefined) {
    this.#entries = tree.entries;
    this.#digests = digests;
    this.#budget = new ReadBudget(limits, 'the image');
    const targets = new Set(tree.entries.flatMap(({ type, target }) => (type === 'hardlink' ? [target] : [])));
    for (const entry of tree.entries) if (targets.has(entry.path)) this.#firsts.set(entry.path, entry);
  }

  // biome-ignore lint/correctness/useYield: nothing here takes long
  *next(): Generator<undefined, TreeEntry | undefined> {
    this.#at += 1;
    const entry = this.#entries[this.#at];
    if (entry === undefined) return undefined;
    this.#budget.spend(1, entry.type === 'file' ? entry.size : 0);
    const { path, mode, size, uid, gid, mtime, mtimeNs } = entry;
    const unknown = { nlink: 1, dev: 0, ino: 0, rdev: 0, ctimeMs: 0 };
    return { ...unknown, path, type: this.#type, mode, size, uid, gid, mtimeMs: mtime * 1000 + mtimeNs / 1e6 };
  }

  /** The entry that was given last; of another name of a file, the first one. */
  get #entry(): ListedEntry {
    const entry = this.#entries[this.#at]!;
    return entry.type === 'hardlink' ? (this.#firsts.get(entry.target!) ?? entry) : entry;
  }

  get #type(): TreeEntry['type'] {
    const { type } = this.#entry;
    return type === 'hardlink' ? 'file' : type;
  }

  whyIgnored(): undefined {
    return undefined;
  }

  remembered(): undefined {
    return undefined;
  }

  target(): string {
    return textOfBytes(this.#entry.target ?? '');
  }

  device(): string {
    return this.#entry.target ?? '';
  }

  xattrs(): ReadXattrs {
    const hashed = [...(this.#entries[this.#at]!.xattrs ?? [])].filter(([name]) => isHashedXattr(name));
    return { xattrs: new Map(hashed), incomplete: false };
  }

  // biome-ignore lint/correctness/useYield: the digest is known
  *digest(): Generator<undefined, Digest> {
    const { path, digest } = this.#entry;
    return digest ?? this.#digests.get(path) ?? sha256('');
  }

  layer(): number | undefined {
    return this.#entries[this.#at]!.layer;
  }

  isLink(): boolean {
    return this.#entries[this.#at]!.type === 'hardlink';
  }
}
