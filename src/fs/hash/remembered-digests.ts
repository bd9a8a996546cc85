/** The digests in the stat cache, for comparing a tree with another one. */
import type { ByteString } from '../byte-string.ts';
import { DiskReader, type TreeEntry } from '../entry/tree-entry.ts';
import { loadNative } from '../native/native.ts';
import { FileClock } from '../stat-cache/file-clock.ts';
import { StatCache } from '../stat-cache/stat-cache.ts';
import { withoutFollowPaths } from '../walk/filter.ts';
import { Slices } from '../walk/slices.ts';
import type { HashTreeOptions } from './hash-tree.ts';

/** The digest in hex of an entry, header and content; undefined if the entry has changed or is not in the cache. */
export type RememberedDigests = (entry: TreeEntry) => string | undefined;

/**
 * The digests that `hashTree` saved. The entries have to be asked for in the order of the walk.
 * @param options the same as for `hashTree`
 * @throws errors of `node:fs` if there is no such directory; the reason of the abort
 */
export async function rememberedDigests(root: ByteString, options: HashTreeOptions): Promise<RememberedDigests> {
  const { modes = 'exact', origin, cacheDir, signal } = options;
  const filter = withoutFollowPaths(new DiskReader(root), options.filter);
  const cache = new StatCache(cacheDir, { root, variant: [filter, modes, origin === 'scan'] }, new FileClock(root));
  await cache.load(new Slices(signal, () => undefined));
  const { rows } = cache;
  // Digests made without extended attributes cannot prove that two entries are equal if this run can read them.
  if (rows === undefined || (cache.xattrs !== true && loadNative() !== undefined)) return () => undefined;
  return (entry) => {
    const at = cache.find(entry);
    return at === undefined ? undefined : rows.digest(at);
  };
}
