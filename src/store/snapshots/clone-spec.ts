/** The parameters of a clone, completed for this process and the target directory. */
import { chmod, lstat, mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { type ByteString, bytesOfText } from '../../fs/byte-string.ts';
import { removeFile } from '../../fs/write/remove-file.ts';
import { removeTree } from '../../fs/write/remove-tree.ts';

export interface CloneSpec {
  /**
   * `clone`: from a snapshot of the store into a directory, checking the source. `keep`: from a directory just written
   * into the store, recording the copies' stat facts. `note`: records the facts of files that were made in the store.
   * `check` and `hash` write nothing: the first trusts files that look as recorded, the second reads all of them.
   */
  readonly task: 'clone' | 'keep' | 'note' | 'check' | 'hash';
  readonly from: ByteString;
  readonly to: ByteString;
  readonly how: 'copy' | 'reflink' | 'hardlink';
  /** False: every file is hashed, however it looks. */
  readonly trust: boolean;
  /**
   * For a source without recorded inodes: a time in milliseconds by the clock of its file system. Files without a later
   * ctime are trusted, as no program can set the ctime.
   */
  readonly settled?: number | undefined;
  /** Later mtimes are set to this, in seconds. */
  readonly epoch?: number | undefined;
  /** What the system gives a new file, for tasks that make files. */
  readonly created?: { readonly uid: number; readonly gid: number; readonly umask: number } | undefined;
  /** For a normal user: files and directories in the store stay readable for their owner. */
  readonly opened: boolean;
}

/** A complete spec, from paths as text. Files that look unchanged are trusted unless `trust` is false. */
export function cloneSpec(spec: Pick<CloneSpec, 'task' | 'from' | 'to'> & Partial<CloneSpec>): CloneSpec {
  return {
    how: 'copy',
    trust: true,
    opened: ownUid() !== 0,
    ...spec,
    from: bytesOfText(spec.from),
    to: bytesOfText(spec.to),
  };
}

/** Owner and umask of a new file in `dir`, found by making one. */
export async function createdIn(dir: string): Promise<CloneSpec['created']> {
  const probe = join(dir, `.ctxsrc-probe-${process.pid}`);
  const file = await open(probe, 'wx', 0o777);
  try {
    const { uid, gid, mode } = await file.stat();
    return { uid, gid, umask: 0o777 & ~mode };
  } finally {
    await file.close();
    await removeFile(probe);
  }
}

/** 0 on systems without users. */
export function ownUid(): number {
  return process.geteuid?.() ?? 0;
}

/** Replaces a directory with half a clone in it by an empty one. */
export async function emptied(dir: string): Promise<void> {
  const { mode } = await lstat(dir);
  await removeTree(dir);
  await mkdir(dir);
  await chmod(dir, mode & 0o7777);
}
