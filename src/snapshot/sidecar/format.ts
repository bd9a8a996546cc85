/** What a sidecar says. */
import type { Loss, WrittenEntries } from '../../contract/ref.ts';

export const SCHEMA = 'ctxsrc/v1';

/** A key of the source at one index, as `ctxsrc key --json` shows it. */
interface SnapshotKey {
  readonly index: number;
  readonly key: string;
  readonly pin: string;
  readonly done: boolean;
  readonly solver?: string | undefined;
}

/** A layer the files came from, base first. */
interface SnapshotLayer {
  readonly digest: string;
  readonly diffId?: string | undefined;
  readonly size: number;
  readonly mediaType?: string | undefined;
}

/** Where a snapshot comes from: the part of the sidecar that its maker knows before a file is written. */
export interface SnapshotFacts {
  /** As the user wrote it. */
  readonly reference: string;
  readonly identifier: string;
  /** The content key. */
  readonly key: string;
  /** Root digest. */
  readonly pin: string;
  readonly keys: readonly SnapshotKey[];
  /** What chose and shaped the files (owner, filter, epoch, attributes), JSON-safe: another value is another snapshot. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly layers: readonly SnapshotLayer[];
}

export interface Sidecar extends SnapshotFacts {
  /** Content hash of what was written, where it differs from what the key says: a filtered snapshot. */
  readonly tree?: string | undefined;
  /** Time of the file system when all files were there, in nanoseconds: what has a later ctime was touched since. */
  readonly written: string;
  /** The directory itself; `inode` tells whether it still is the one that was written, and not another put in its place. */
  readonly root: { readonly mode: number; readonly uid: number; readonly gid: number; readonly inode: string };
  readonly files: number;
  readonly bytes: number;
  readonly losses: readonly Loss[];
  readonly lossCounts: Readonly<Record<string, number>>;
  /** Depth first, a directory before what is in it. */
  readonly entries: WrittenEntries;
}
