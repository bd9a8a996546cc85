/** The files of a page as a tree in columns: each folder stands before what is in it. */
import type { PageFile } from './model.ts';

/** More files than this make a page that is no longer quick: the smallest ones of each folder are summed then. */
const MOST_FILES = 250_000;
const SMALL = 4096;

/** The columns of all nodes, by their place; the first one is the root. */
export interface FileTree {
  readonly names: string[];
  readonly parents: number[];
  readonly folders: boolean[];
  /** Of a folder the bytes of all in it. */
  readonly sizes: number[];
  /** Of a folder the number of files in it; of a file the files that it stands for. */
  readonly counts: number[];
  readonly tags: number[];
  readonly notes: string[];
  /** Files up to these bytes are summed, each folder's by itself; 0 if none are. */
  readonly summedBelow: number;
}

/** @param most more files than this are summed */
export function fileTree(files: Iterable<PageFile>, most: number = MOST_FILES): FileTree {
  const all = [...files];
  let limit = 0;
  while (all.length > most && countAbove(all, limit) > most && limit < Number.MAX_SAFE_INTEGER) {
    limit = limit === 0 ? SMALL : limit * 4;
  }
  const builder = new TreeBuilder(limit);
  for (const file of all) builder.add(file);
  return builder.end();
}

const countAbove = (files: readonly PageFile[], limit: number): number =>
  files.reduce((count, { isFolder, size }) => count + (!isFolder && size >= limit ? 1 : 0), 0);

class TreeBuilder {
  readonly #tree: FileTree;
  readonly #places = new Map<string, number>([['', 0]]);
  /** Of folders with summed files: where these stand. */
  readonly #summed = new Map<string, number>();

  constructor(summedBelow: number) {
    this.#tree = {
      names: [''],
      parents: [-1],
      folders: [true],
      sizes: [0],
      counts: [0],
      tags: [0],
      notes: [''],
      summedBelow,
    };
  }

  add(file: PageFile): void {
    const { path, isFolder, size, tag, note } = file;
    const slash = path.lastIndexOf('/');
    const folder = slash < 0 ? '' : path.slice(0, slash);
    if (isFolder) {
      const place = this.#folder(path);
      this.#tree.tags[place] = tag;
      this.#tree.notes[place] = note;
      return;
    }
    if (size >= this.#tree.summedBelow) {
      this.#put(this.#folder(folder), path.slice(slash + 1), { ...file, count: 1 });
      return;
    }
    const key = `${folder}\0${tag}`;
    const place =
      this.#summed.get(key) ?? this.#put(this.#folder(folder), '', { isFolder, size: 0, tag, note: '', count: 0 });
    this.#summed.set(key, place);
    this.#tree.sizes[place]! += size;
    this.#tree.counts[place]! += 1;
  }

  /** The tree with the sums of its folders. */
  end(): FileTree {
    const { parents, sizes, counts, names } = this.#tree;
    for (const place of this.#summed.values()) names[place] = `(${counts[place]!.toLocaleString('en')} small files)`;
    for (let place = parents.length - 1; place > 0; place--) {
      const parent = parents[place]!;
      sizes[parent]! += sizes[place]!;
      counts[parent]! += counts[place]!;
    }
    return this.#tree;
  }

  #folder(path: string): number {
    const known = this.#places.get(path);
    if (known !== undefined) return known;
    const names = path.split('/');
    let parent = 0;
    let prefix = '';
    for (const name of names) {
      prefix = prefix === '' ? name : `${prefix}/${name}`;
      const there = this.#places.get(prefix);
      parent = there ?? this.#put(parent, name, { isFolder: true, size: 0, tag: 0, note: '', count: 0 });
      this.#places.set(prefix, parent);
    }
    return parent;
  }

  #put(parent: number, name: string, node: Omit<PageFile, 'path'> & { readonly count: number }): number {
    const tree = this.#tree;
    const place = tree.names.push(name) - 1;
    tree.parents.push(parent);
    tree.folders.push(node.isFolder);
    tree.sizes.push(node.isFolder ? 0 : node.size);
    tree.counts.push(node.isFolder ? 0 : node.count);
    tree.tags.push(node.tag);
    tree.notes.push(node.note);
    return place;
  }
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
    counts: counts.map((count, place) => (folders[place] ? 0 : count)),
    tags,
    notes: notes.map(noteOf),
  };
  return JSON.stringify({ ...columns, texts: [...texts.keys()] });
}
