/** Every entry of a filtered tree with its digest, for comparing two trees. */
import { ioError } from '../core/errors.ts';
import { printable } from '../core/printable.ts';
import { type ByteString, compareBytes, textOfBytes } from './byte-string.ts';
import { keyOf } from './content-tree.ts';
import type { Xattrs } from './entry-header.ts';
import { type HashedTree, type HashTreeOptions, hashTree, keptMode } from './hash-tree.ts';
import { loadNative, splitDevice } from './native.ts';
import { DiskReader, type EntryType, type TreeEntry } from './tree-entry.ts';
import { readXattrs } from './xattrs.ts';

/** An entry as the key sees it. */
export interface ListedEntry {
  readonly path: ByteString;
  readonly type: EntryType;
  /** As kept by the `modes` option. */
  readonly mode: number;
  /** Of regular files. */
  readonly size: number;
  /** Hex sha256 of header and content; of a directory, of its header alone. */
  readonly digest: string;
  /** Symlinks: their text. Devices: `major:minor`. */
  readonly target: ByteString | undefined;
  readonly xattrs: Xattrs;
}

export interface ListedTree extends HashedTree {
  /** In the order of the keys: a directory before its content, names in the order of their bytes. */
  readonly list: readonly ListedEntry[];
}

/**
 * Hashes a tree and lists its entries.
 * @throws what `hashTree` throws
 */
export async function listTree(root: ByteString, options: HashTreeOptions = {}): Promise<ListedTree> {
  const seen: { readonly entry: TreeEntry; readonly digest: string }[] = [];
  const hashed = await hashTree(root, { ...options, visit: (entry, digest) => seen.push({ entry, digest }) });
  const reader = new DiskReader(root);
  const keyed = seen.map((item) => ({ ...item, key: keyOf(item.entry.path) }));
  keyed.sort((a, b) => compareBytes(a.key, b.key));
  const list = keyed.map(({ entry, digest }) => ({
    path: entry.path,
    type: entry.type,
    mode: keptMode(entry, options.modes ?? 'exact'),
    size: entry.type === 'file' ? entry.size : 0,
    digest,
    ...attributes(reader, entry),
  }));
  return { ...hashed, list };
}

function attributes(reader: DiskReader, entry: TreeEntry): Pick<ListedEntry, 'target' | 'xattrs'> {
  try {
    const native = loadNative();
    return {
      target: targetOf(reader, entry),
      xattrs: native === undefined ? new Map() : readXattrs(native, reader.full(entry.path)).xattrs,
    };
  } catch (error) {
    throw ioError(error, `cannot read ${printable(textOfBytes(entry.path))}`);
  }
}

function targetOf(reader: DiskReader, entry: TreeEntry): ByteString | undefined {
  if (entry.type === 'symlink') return reader.target(entry.path);
  if (entry.type !== 'char' && entry.type !== 'block') return undefined;
  const { major, minor } = splitDevice(entry.rdev);
  return `${major}:${minor}`;
}
