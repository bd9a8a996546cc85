/** What the pool and its workers tell each other. */
import type { ByteString } from './byte-string.ts';

/** Numbers for each file of a batch: mode, uid, gid, size, ino, mtimeMs, ctimeMs. */
export const TASK_FIELDS = 7;

export interface HashWorkerData {
  readonly root: ByteString;
  /** Read extended attributes. */
  readonly xattrs: boolean;
  /** Hash the content alone, without a header in front of it. */
  readonly contentOnly?: boolean | undefined;
}

export interface HashBatch {
  readonly paths: readonly ByteString[];
  /** `TASK_FIELDS` for each file. */
  readonly numbers: Float64Array;
  /** Shared; 0 until a thread (a worker, or the caller that steals it) makes it 1 and so takes the batch. */
  readonly claim: Int32Array;
}

/** The answer to a batch; undefined to one that the caller has stolen. */
export type HashAnswer = HashedBatch | undefined;

export interface HashedBatch {
  /** In the order of the batch; undefined for a file that was not what the walk saw. */
  readonly digests: readonly (string | undefined)[];
  readonly incomplete: boolean;
  readonly failure?: { readonly path: ByteString; readonly code: string | undefined; readonly message: string };
}

/** True for the one thread that may do the batch. */
export function claimBatch(claim: Int32Array): boolean {
  return Atomics.compareExchange(claim, 0, 0, 1) === 0;
}
