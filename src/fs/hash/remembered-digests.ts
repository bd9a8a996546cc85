/** What the stat cache knows of a tree, for those who compare it with another one. */
import type { ByteString } from '../byte-string.ts';
import type { TreeEntry } from '../entry/tree-entry.ts';
import { loadNative } from '../native/native.ts';
import { FileClock } from '../stat-cache/file-clock.ts';
import { StatCache } from '../stat-cache/stat-cache.ts';
import { Slices } from '../walk/slices.ts';
import type { HashTreeOptions } from './hash-tree.ts';

/** Hex digest of an entry, header and content; undefined when it is not as it was, or not known. */
export type RememberedDigests = (entry: TreeEntry) => string | undefined;

/**
 * Digests that `hashTree` has left. They are to be asked for in the order of the walk.
 * @param options as `hashTree` was given them
 * @throws errors of `node:fs` when there is no such directory; the reason of the abort
 */
export async function rememberedDigests(root: ByteString, options: HashTreeOptions): Promise<RememberedDigests> {
  const { filter = {}, modes = 'exact', origin, cacheDir, signal } = options;
  const cache = new StatCache(cacheDir, { root, variant: [filter, modes, origin === 'scan'] }, new FileClock(root));
  await cache.load(new Slices(signal, () => undefined));
  const { rows } = cache;
  // Digests made without extended attributes do not tell that two entries are the same where these can be seen.
  if (rows === undefined || (cache.xattrs !== true && loadNative() !== undefined)) return () => undefined;
  return (entry) => {
    const at = cache.find(entry);
    return at === undefined ? undefined : rows.digest(at);
  };
}
