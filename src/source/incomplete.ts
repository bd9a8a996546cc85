/** What keys could not see. */
import type { CacheKeyResult } from '../contract/source.ts';
import { CtxsrcError } from '../core/errors.ts';

type Covered = Pick<CacheKeyResult, 'incomplete'>;

/** The properties that could not be read, for instance `xattrs`. */
export function unseen(keys: readonly Covered[]): string[] {
  return [...new Set(keys.flatMap((result) => result.incomplete ?? []))];
}

/**
 * @param what whose keys these are, if that has to be told
 * @throws CtxsrcError `E_INCOMPLETE` if anything could not be read
 */
export function refuseIncomplete(keys: readonly Covered[], what = 'the key'): void {
  const incomplete = unseen(keys);
  if (incomplete.length === 0) return;
  throw new CtxsrcError('E_INCOMPLETE', `${what} does not cover ${incomplete.join(', ')}`, {
    hint: 'install the optional package koffi, or do without strict',
    details: { incomplete },
  });
}
