/** Mistakes put into the applier and the reader, each of which the fuzzer must notice: what it is, and how it gets in. */
const APPLY = 'src/layer/apply/apply.ts';
const NAMES = 'src/layer/apply/entry-names.ts';
const TREE = 'src/layer/apply/written-tree.ts';
const READER = 'src/layer/tar/reader.ts';

export interface LayerMutation {
  readonly what: string;
  readonly file: string;
  /** Text of the source, there once, and what it becomes. */
  readonly from: string;
  readonly to: string;
}

export const LAYER_MUTATIONS: readonly LayerMutation[] = [
  {
    what: 'an opaque marker removes what its own layer wrote',
    file: TREE,
    from: 'if (node.layer !== this.layer) this.remove(directory, name, node);',
    to: 'if (node.layer !== -2) this.remove(directory, name, node);',
  },
  {
    what: 'an opaque marker keeps what lies in directories of its own layer',
    file: TREE,
    from: "else if (node.kind === 'dir') this.removeOlder(node);",
    to: '',
  },
  {
    what: 'a whiteout removes nothing',
    file: APPLY,
    from: 'else if (node !== undefined) this.#tree.remove(parent, removed, node);',
    to: '',
  },
  {
    what: 'absolute links start where they are',
    file: TREE,
    from: "if (leaf.target.startsWith('/')) dir = this.root;",
    to: '',
  },
  {
    what: 'a directory that is there keeps its old metadata',
    file: APPLY,
    from: 'existing.meta = meta;',
    to: '',
  },
  {
    what: 'the parent of the last entry is remembered though it is gone',
    file: TREE,
    from: 'remove(parent: Directory, name: string, node: Node): void {\n    this.removals += 1;',
    to: 'remove(parent: Directory, name: string, node: Node): void {',
  },
  {
    what: 'only the parent counts as written by a layer, not what is above it',
    file: TREE,
    from: 'dir !== undefined && dir.layer !== this.layer; dir = dir.parent',
    to: 'dir !== undefined && dir.layer !== this.layer; dir = undefined',
  },
  {
    what: 'a name is removed before the other thread has written it',
    file: TREE,
    from: "    this.#drain();\n    if (node.kind === 'dir') {",
    to: "    if (node.kind === 'dir') {",
  },
  {
    what: 'a hard link is made before the other thread has written its file',
    file: APPLY,
    from: '    else {\n      this.#helper?.drain();',
    to: '    else {',
  },
  {
    what: '.. in a name takes nothing away',
    file: NAMES,
    from: "if (part === '..') result.pop();",
    to: "if (part === '..') continue;",
  },
  {
    what: 'fractions of seconds are dropped',
    file: READER,
    from: 'mtimeNs: pax?.nanoseconds ?? 0,',
    to: 'mtimeNs: 0,',
  },
  {
    what: 'directories do not get their metadata',
    file: APPLY,
    from: 'this.#metadata.directory(handle.fd, path, directory.meta);',
    to: '',
  },
];
