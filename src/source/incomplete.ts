/** What keys could not see. */
import type { CacheKeyResult } from '../contract/source.ts';
import { CtxsrcError } from '../core/errors.ts';

/** The properties that could not be read, for instance `xattrs`. */
export function unseen(keys: readonly CacheKeyResult[]): string[] {
  return [...new Set(keys.flatMap((result) => result.incomplete ?? []))];
}

/** @throws CtxsrcError `E_INCOMPLETE` if anything could not be read */
export function refuseIncomplete(keys: readonly CacheKeyResult[]): void {
  const incomplete = unseen(keys);
  if (incomplete.length === 0) return;
  throw new CtxsrcError('E_INCOMPLETE', `the key does not cover ${incomplete.join(', ')}`, {
    hint: 'install the optional package koffi, or do without strict',
    details: { incomplete },
  });
}
