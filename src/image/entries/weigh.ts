/** What each layer of an image adds to its files, and what of it later layers hide. Layers are numbered from 0 here. */
import type { Entry } from '../../contract/entry.ts';
import type { Digest } from '../../core/digest.ts';
import { cleanComponents, isOfAufs, isWhiteout } from '../../layer/apply/entry-names.ts';
import { isDamage, ofLayer } from '../layer-damage.ts';
import type { TreeDirectory } from './entry-tree.ts';
import type { Inode } from './inode.ts';
import { type Change, LayerMerge, type MergeLimits } from './merge.ts';

interface WeighedLayer {
  /** Bytes and number of the files in its archive. */
  readonly bytes: number;
  readonly files: number;
  /** What each entry of the archive does, in its order, as an index of `CHANGES`. */
  readonly changes: Uint8Array;
}

export const CHANGES: readonly Change[] = ['none', 'add', 'replace', 'remove', 'opaque'];

/** A file that no name leads to in the end. */
export interface HiddenFile {
  /** The last name that it had, a byte string. */
  readonly path: string;
  readonly size: number;
  /** The layer that has it, the number of its entry there, and the layer that hides it. */
  readonly layer: number;
  readonly index: number;
  readonly by: number;
  /** `metadata`: by a file of the same content. */
  readonly how: 'replaced' | 'removed' | 'metadata';
}

interface FoundFile {
  readonly path: string;
  readonly size: number;
  readonly layer: number;
}

export interface Weights {
  readonly layers: readonly WeighedLayer[];
  readonly hidden: readonly HiddenFile[];
  /** The largest files of the final tree. */
  readonly largest: readonly FoundFile[];
  /** Bytes of the files of the final tree. */
  readonly alive: number;
}

/** How many of the largest files are given. */
const LARGEST = 10;

/**
 * @param layers the entries of each, base first
 * @throws CtxsrcError `E_ARCHIVE_INVALID`, `E_LIMIT`
 */
export function weighLayers(
  signal: AbortSignal,
  layers: readonly { readonly digest: Digest; readonly entries: Iterable<Entry> }[],
  limits: MergeLimits,
): Weights {
  const hidden: HiddenFile[] = [];
  const weighed: WeighedLayer[] = [];
  /** Numbers of names that were lost. */
  const lost = new Map<Inode, number>();
  let changes: Uint8Array = new Uint8Array(0);
  let current = 0;
  const merge = new LayerMerge(
    limits,
    { complete: true, alone: false },
    {
      entry: (index, change) => {
        if (index >= changes.length) changes = grown(changes);
        changes[index] = CHANGES.indexOf(change);
      },
      lost: (inode, path, by) => {
        const gone = (lost.get(inode) ?? 0) + 1;
        lost.set(inode, gone);
        if (gone < inode.names || inode.type !== 'file') return;
        const { size, layer, index } = inode;
        hidden.push({ path, size, layer: layer!, index, by: current, how: howOf(inode, by) });
      },
    },
  );
  for (const [number, { digest, entries }] of layers.entries()) {
    signal.throwIfAborted();
    current = number;
    const sums = new FileSums();
    try {
      merge.apply(number, sums.counted(entries));
    } catch (error) {
      throw isDamage(error) ? ofLayer(error, digest) : error;
    }
    weighed.push({ bytes: sums.bytes, files: sums.files, changes: changes.slice(0, sums.entries) });
    changes.fill(0);
  }
  hidden.sort((a, b) => b.size - a.size || (a.path < b.path ? -1 : a.path > b.path ? 1 : a.layer - b.layer));
  return { layers: weighed, hidden, ...aliveFiles(merge.tree.root) };
}

class FileSums {
  bytes = 0;
  files = 0;
  entries = 0;

  *counted(entries: Iterable<Entry>): Generator<Entry> {
    for (const entry of entries) {
      this.entries += 1;
      if (entry.type === 'file' && isCounted(entry)) {
        this.bytes += entry.size;
        this.files += 1;
      }
      yield leanEntry(entry);
    }
  }
}

/** What weighing asks of an entry: a tree of hundreds of thousands of them has to fit into memory. */
function leanEntry({ path, type, size, target, digest }: Entry): Entry {
  return { path, type, size, target, digest, mode: 0, uid: 0, gid: 0, mtime: 0, mtimeNs: 0, xattrs: undefined };
}

/** Whiteouts, and files by which a storage driver of old marked its layers, are none of the image. */
function isCounted({ path, type }: Entry): boolean {
  const components = cleanComponents(path);
  const name = components.pop();
  return name !== undefined && !isWhiteout(name) && !isOfAufs(components, name, type);
}

/** Bytes and number of the files of one layer. */
export function sumLayer(entries: Iterable<Entry>): { readonly bytes: number; readonly files: number } {
  const sums = new FileSums();
  for (const _ of sums.counted(entries));
  return { bytes: sums.bytes, files: sums.files };
}

function howOf({ size, digest }: Inode, by: Inode | undefined): HiddenFile['how'] {
  if (by === undefined) return 'removed';
  return digest !== undefined && by.digest === digest && by.size === size ? 'metadata' : 'replaced';
}

function grown(bytes: Uint8Array): Uint8Array {
  const larger = new Uint8Array(Math.max(1024, bytes.length * 2));
  larger.set(bytes);
  return larger;
}

function aliveFiles(root: TreeDirectory): Pick<Weights, 'largest' | 'alive'> {
  const seen = new Set<Inode>();
  let alive = 0;
  let found: FoundFile[] = [];
  const largest = (): FoundFile[] =>
    found.sort((a, b) => b.size - a.size || (a.path < b.path ? -1 : 1)).slice(0, LARGEST);
  const walk = (dir: TreeDirectory, prefix: string): void => {
    // A file goes by its first name, as it does in lists.
    for (const [name, node] of [...dir.children].sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (node.kind === 'dir') walk(node, `${prefix}${name}/`);
      if (node.kind !== 'leaf' || node.inode.type !== 'file' || seen.has(node.inode)) continue;
      const { inode } = node;
      if (inode.names > 1) seen.add(inode);
      alive += inode.size;
      found.push({ path: prefix + name, size: inode.size, layer: inode.layer! });
      if (found.length > 1_000) found = largest();
    }
  };
  walk(root, '');
  return { largest: largest(), alive };
}
