/** The check of a layer's content against the image configuration. */
import type { Hash } from 'node:crypto';
import { type Digest, digestAlgorithm, digestHex } from '../core/digest.ts';
import { CtxsrcError } from '../core/errors.ts';
import { IMAGE_INVALID } from '../core/integrity-hints.ts';

/**
 * @param hash of the uncompressed layer, complete
 * @throws CtxsrcError `E_DIFF_ID_MISMATCH`
 */
export function checkDiffId(hash: Hash, digest: Digest, diffId: Digest): void {
  const actual = hash.digest('hex');
  if (actual === digestHex(diffId)) return;
  throw new CtxsrcError(
    'E_DIFF_ID_MISMATCH',
    `the content of layer ${digest} has the digest ${digestAlgorithm(diffId)}:${actual}, but the image configuration says ${diffId}`,
    { hint: IMAGE_INVALID },
  );
}
