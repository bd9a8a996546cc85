/** The files of a page as a tree in columns: each folder stands before what is in it. */
import type { PageFile } from './model.ts';

/** The columns of all nodes, by their place; the first one is the root. */
export interface FileTree {
  readonly names: string[];
  readonly parents: number[];
  readonly folders: boolean[];
  /** Of a folder the bytes of all in it. */
  readonly sizes: number[];
  /** How many files a node counts as by itself: folders mostly as none, what stands for several as all of them. */
  readonly counts: number[];
  readonly tags: number[];
  readonly notes: string[];
  /** What is no larger may be summed with what lies beside it. Undefined if nothing is. */
  readonly summedUpTo?: number | undefined;
}

const emptyTree = (): FileTree => ({
  names: [''],
  parents: [-1],
  folders: [true],
  sizes: [0],
  counts: [0],
  tags: [0],
  notes: [''],
});

type Node = Omit<PageFile, 'path'>;

function push(tree: FileTree, parent: number, name: string, node: Node): number {
  tree.parents.push(parent);
  tree.folders.push(node.isFolder);
  tree.sizes.push(node.size);
  tree.counts.push(node.count);
  tree.tags.push(node.tag);
  tree.notes.push(node.note);
  return tree.names.push(name) - 1;
}

const FOLDER: Node = { isFolder: true, size: 0, count: 0, tag: 0, note: '' };

/** The tree of all files. */
export function fileTree(files: Iterable<PageFile>): FileTree {
  const tree = emptyTree();
  const places = new Map<string, number>([['', 0]]);
  const folderAt = (path: string): number => {
    const missing: string[] = [];
    let above = path;
    while (!places.has(above)) {
      missing.push(above);
      above = above.slice(0, Math.max(0, above.lastIndexOf('/')));
    }
    let place = places.get(above)!;
    for (const folder of missing.reverse()) {
      place = push(tree, place, folder.slice(folder.lastIndexOf('/') + 1), FOLDER);
      places.set(folder, place);
    }
    return place;
  };
  for (const { path, ...node } of files) {
    if (node.isFolder) {
      const place = folderAt(path);
      tree.counts[place] = node.count;
      tree.tags[place] = node.tag;
      tree.notes[place] = node.note;
    } else {
      push(
        tree,
        folderAt(path.slice(0, Math.max(0, path.lastIndexOf('/')))),
        path.slice(path.lastIndexOf('/') + 1),
        node,
      );
    }
  }
  for (let place = tree.parents.length - 1; place > 0; place--) tree.sizes[tree.parents[place]!]! += tree.sizes[place]!;
  return tree;
}

/** The places of all nodes, the largest first. */
export function bySize({ sizes }: FileTree): Uint32Array {
  const amounts = Float64Array.from(sizes);
  return Uint32Array.from(sizes.keys()).sort((a, b) => amounts[b]! - amounts[a]! || a - b);
}

/**
 * A tree of the largest files and folders; the others are one node for each tag in the nearest folder that is left.
 * @param order that of `bySize`
 */
export function summedTree(tree: FileTree, order: Uint32Array, most: number): FileTree {
  const { names, parents, folders, sizes, counts, tags, notes } = tree;
  const isLeft = new Uint8Array(names.length);
  // A folder is no smaller than what is in it and stands before it, so it is left where something in it is.
  for (const place of order.subarray(0, most)) isLeft[place] = 1;
  const left = { ...emptyTree(), summedUpTo: sizes[order[most] ?? 0] };
  left.sizes[0] = sizes[0]!;
  const newPlaces = new Int32Array(names.length);
  const sums = new Map<string, number>();
  const summed = new Map<number, number>();
  for (let place = 1; place < names.length; place++) {
    const parent = newPlaces[parents[place]!]!;
    const node = { isFolder: folders[place]!, size: sizes[place]!, count: counts[place]!, tag: tags[place]! };
    if (isLeft[place] === 1) {
      newPlaces[place] = push(left, parent, names[place]!, { ...node, note: notes[place]! });
      continue;
    }
    newPlaces[place] = parent;
    const id = `${parent} ${node.tag}`;
    const sum = sums.get(id) ?? push(left, parent, '', { ...FOLDER, isFolder: false, tag: node.tag });
    sums.set(id, sum);
    summed.set(sum, (summed.get(sum) ?? 0) + 1);
    left.counts[sum]! += node.count;
    if (!node.isFolder) left.sizes[sum]! += node.size;
  }
  for (const [sum, number] of summed) left.names[sum] = `(${number.toLocaleString('en')} small ones)`;
  return left;
}

/** The tree as a page holds it: JSON, small once it is deflated. */
export function treeData(tree: FileTree): string {
  const { names, parents, folders, sizes, counts, tags, notes } = tree;
  const texts = new Map<string, number>();
  const noteOf = (note: string): number => {
    const place = texts.get(note) ?? texts.size;
    texts.set(note, place);
    return place;
  };
  const columns = {
    names,
    // How far back the parent stands.
    up: parents.map((parent, place) => place - parent),
    folders: folders.map(Number),
    sizes: sizes.map((size, place) => (folders[place] ? 0 : size)),
    counts,
    tags,
    notes: notes.map(noteOf),
  };
  return JSON.stringify({ ...columns, texts: [...texts.keys()] });
}
