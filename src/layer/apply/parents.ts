import type { Directory } from './tree.ts';
import type { WrittenTree } from './written-tree.ts';

/**
 * What finds the directories of entries; missing ones are made. It is given the whole name of an entry, its clean
 * parents, and its last part.
 */
export function parentFinder(tree: WrittenTree): (text: string, parents: readonly string[], name: string) => Directory {
  // Adjacent entries mostly share their parent: its text and its directory are valid until something is removed.
  let last: { readonly text: string; readonly directory: Directory; readonly removals: number } | undefined;
  return (text, parents, name) => {
    const end = text.endsWith('/') ? text.length - 1 : text.length;
    const parentText = text.slice(0, end - name.length);
    // The text before the name is the parent only if the text ends in the name.
    const isPlain = text.startsWith(name, parentText.length) && (parentText === '' || parentText.endsWith('/'));
    if (isPlain && parentText === last?.text && last.removals === tree.removals) return last.directory;
    const directory = tree.resolve(parents, true)!;
    if (isPlain) last = { text: parentText, directory, removals: tree.removals };
    return directory;
  };
}
