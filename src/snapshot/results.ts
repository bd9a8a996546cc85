/** What the functions of the library return. */
import type { Loss } from '../contract/ref.ts';

/** What a reference points at now. */
export interface Resolution {
  readonly reference: string;
  readonly scheme: string;
  /** Normalised; it identifies the same. */
  readonly identifier: string;
  /** Root digest, as `ctxsrc digest` prints it. */
  readonly digest: string;
  readonly mediaType?: string | undefined;
  /** The reference with its root digest; absent where there is no such form. */
  readonly pinned?: string | undefined;
}

/** The keys of a reference. */
export interface Keys {
  /** Content key: the last of `keys`. */
  readonly key: string;
  readonly keys: readonly {
    readonly key: string;
    readonly pin: string;
    readonly done: boolean;
    readonly solver: string;
  }[];
  /** What could not be seen, for instance `xattrs`. */
  readonly incomplete: readonly string[];
}

export interface SnapshotResult {
  readonly key: string;
  /** `unchanged`: the same snapshot was there, intact. */
  readonly status: 'written' | 'unchanged';
  readonly dir: string;
  readonly files: number;
  readonly bytes: number;
  /** What the files lack, for instance owners when not root. */
  readonly losses: readonly Loss[];
}
