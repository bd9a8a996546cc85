import type { Directory } from './tree.ts';
import type { WrittenTree } from './written-tree.ts';

/** Finds the directories of entries; missing ones are made. Adjacent entries mostly share theirs. */
export class Parents {
  readonly #tree: WrittenTree;
  /** The parent of the last entry, as its text and its directory; valid until something is removed. */
  #lastText: string | undefined;
  #last: Directory | undefined;
  #lastAt = 0;

  constructor(tree: WrittenTree) {
    this.#tree = tree;
  }

  /** @param text the whole name, of which `components` are the clean parents and `name` is the last part */
  of(text: string, components: readonly string[], name: string): Directory {
    const end = text.endsWith('/') ? text.length - 1 : text.length;
    const parentText = text.slice(0, end - name.length);
    // The text before the name is the parent only if the text ends in the name.
    const plain = text.startsWith(name, parentText.length) && (parentText === '' || parentText.endsWith('/'));
    if (plain && parentText === this.#lastText && this.#lastAt === this.#tree.removals) return this.#last!;
    const parent = this.#tree.resolve(components, true)!;
    if (plain) {
      this.#lastText = parentText;
      this.#last = parent;
      this.#lastAt = this.#tree.removals;
    }
    return parent;
  }
}
