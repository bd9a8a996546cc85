/** The content of a sidecar. */
import type { Entries } from '../../contract/entry.ts';
import type { Loss } from '../../contract/ref.ts';

export const SCHEMA = 'ctxsrc/v1';

/** A key of the source at one index, as `ctxsrc key --json` shows it. */
interface SnapshotKey {
  readonly index: number;
  readonly key: string;
  readonly pin: string;
  readonly done: boolean;
  readonly solver?: string | undefined;
}

/** A layer of the source, base first. */
interface SnapshotLayer {
  readonly digest: string;
  readonly diffId?: string | undefined;
  readonly size: number;
  readonly mediaType?: string | undefined;
}

/** The origin of a snapshot: the part of the sidecar that is known before a file is written. */
export interface SnapshotFacts {
  /** As the user wrote it. */
  readonly reference: string;
  readonly identifier: string;
  /** The content key. */
  readonly key: string;
  /** Root digest. */
  readonly pin: string;
  readonly keys: readonly SnapshotKey[];
  /** The options that affect the files (owner, filter, epoch, attributes), JSON-safe: part of its identity. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly layers: readonly SnapshotLayer[];
}

export interface Sidecar extends SnapshotFacts {
  /**
   * Content hash of the written files, if the key does not describe them: of a filtered snapshot, and of an image that
   * was made of a source's files.
   */
  readonly tree?: string | undefined;
  /** File-system time when all files were written, in nanoseconds: an entry with a later ctime was changed since. */
  readonly written: string;
  /** The directory itself; `inode` shows whether it is still the one that was written, or was replaced. */
  readonly root: { readonly mode: number; readonly uid: number; readonly gid: number; readonly inode: string };
  readonly files: number;
  readonly bytes: number;
  readonly losses: readonly Loss[];
  readonly lossCounts: Readonly<Record<string, number>>;
  /** Depth first, a directory before its content. */
  readonly entries: Entries;
}
