/** What the functions of the library return. */
import type { Loss } from '../contract/ref.ts';

/** What a reference points at now. */
export interface Resolution {
  /** As it was given. */
  readonly reference: string;
  /** The kind of source. */
  readonly scheme: string;
  /** Normalised; it identifies the same. */
  readonly identifier: string;
  /** Root digest, as `ctxsrc digest` prints it. */
  readonly digest: string;
  /** Media type of what has the root digest. */
  readonly mediaType?: string | undefined;
  /** The reference with its root digest; absent where there is no such form. */
  readonly pinned?: string | undefined;
}

/** What `snapshot` wrote. */
export interface SnapshotResult {
  /** Content key. */
  readonly key: string;
  /** `unchanged`: the same snapshot was there, intact. */
  readonly status: 'written' | 'unchanged';
  /** The directory, absolute. */
  readonly dir: string;
  /** Number of entries: files, directories and all others. */
  readonly files: number;
  /** Bytes of the files. */
  readonly bytes: number;
  /** What the files lack, for instance owners when not root. */
  readonly losses: readonly Loss[];
}
