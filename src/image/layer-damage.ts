/** Errors that wrong bytes of a layer cause. */
import type { Digest } from '../core/digest.ts';
import { type CtxsrcError, isCtxsrcError } from '../core/errors.ts';
import { IMAGE_INVALID } from '../core/integrity-hints.ts';

/** True for errors that wrong bytes of a layer can cause. */
export function isDamage(error: unknown): error is CtxsrcError {
  return isCtxsrcError(error) && /^E_(?:ARCHIVE_INVALID|DIFF_ID_MISMATCH|UNSAFE)$/.test(error.code);
}

/** Adds the digest of the layer to an error: the reader of archives does not know it. */
export function ofLayer(error: CtxsrcError, digest: Digest): CtxsrcError {
  if (error.message.includes(digest)) return error;
  const usual = error.code === 'E_ARCHIVE_INVALID' ? IMAGE_INVALID : undefined;
  return error.with({ message: `layer ${digest}: ${error.message}`, hint: error.hint ?? usual });
}
