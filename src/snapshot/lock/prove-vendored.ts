/** What an image stands for in the place of an origin is proved by the entry, and never by the image itself. */
import type { JobContext, SourceInstance } from '../../contract/index.ts';
import { isDigest } from '../../core/digest.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import type { Identified } from '../../source/resolve.ts';
import { isOneFile } from '../../source/single-file.ts';
import { type HeldTo, holdToBody, holdToKey } from '../held-files.ts';
import type { LockEntry } from './lock.ts';

export interface VendoredClaim {
  /** The reference of the entry. */
  readonly one: Identified;
  readonly entry: LockEntry;
  readonly origin: SourceInstance;
  /** The image that was vendored; not one that has the digest of the entry, which proves itself. */
  readonly image: SourceInstance;
}

/** The content key of the files that a vendored entry has to have; undefined if the entry does not say it. */
export function vendoredTree(origin: SourceInstance, { key, vendoredKey }: LockEntry): string | undefined {
  return origin.files === undefined ? vendoredKey : key;
}

/**
 * Holds the image to the entry: of a file to its digest, of a docker archive to that of its configuration, of other
 * files to their content key.
 * @throws E_UNSAFE if it is something else, or if the entry does not say what it has to be
 */
export async function proveVendored(job: JobContext, claim: VendoredClaim): Promise<void> {
  const { one, entry, origin, image } = claim;
  const what = `${printable(one.ref.name!)}, as it is vendored in ${entry.vendored},`;
  const hint = 'restore the lock file from version control, or vendor the origin anew: ctxsrc lock --vendor';
  if (origin.content !== undefined) {
    const config = (await image.image?.(job))?.config.descriptor.digest;
    if (config === entry.digest) return;
    throw new CtxsrcError('E_UNSAFE', `${what} has the configuration ${config ?? 'none'}, and not ${entry.digest}`, {
      hint,
    });
  }
  const tree = vendoredTree(origin, entry);
  const { attributes = {}, digest } = entry;
  const body = isOneFile(one.source, attributes) && isDigest(digest) ? digest : undefined;
  if (tree === undefined && body === undefined) {
    throw new CtxsrcError('E_UNSAFE', `${what} cannot be proved: the entry has no vendoredKey`, {
      hint: 'it was vendored by an older version: vendor it anew with ctxsrc lock --vendor, while the origin is there',
    });
  }
  const ref = await image.snapshot(job);
  try {
    const held = <Wanted extends string>(wanted: Wanted): HeldTo<Wanted> => ({ wanted, what, hint });
    if (body !== undefined) await holdToBody(job, ref, held(body));
    if (tree !== undefined) await holdToKey(job, ref, held(tree));
  } finally {
    await ref?.release();
  }
}
