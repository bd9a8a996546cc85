/** Version control directories in a context: they differ between clones, and so does the key. */
import type { ByteString } from '../../fs/byte-string.ts';
import { DiskReader, type TreeReader } from '../../fs/entry/tree-entry.ts';
import type { TreeFilter } from '../../fs/walk/filter.ts';
import { walkTree } from '../../fs/walk/walk.ts';

export const VERSION_CONTROL: readonly ByteString[] = ['.git', '.hg', '.svn'];

/**
 * Those at the top of a directory of which the filter passes something.
 * @param root resolved, as a byte string
 */
export function versionControlIn(root: ByteString, filter: TreeFilter): readonly ByteString[] {
  const disk = new DiskReader(root);
  return VERSION_CONTROL.filter((name) => {
    if (disk.entry(name) === undefined) return false;
    const reader: TreeReader = {
      names: (path) => (path === '' ? [name] : disk.names(path)),
      entry: (path) => disk.entry(path),
      target: (path) => disk.target(path),
    };
    return walkTree(reader, filter).next().done !== true;
  });
}
