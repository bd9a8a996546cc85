/** The parameters of a clone, completed for this process and the target directory. */
import { chmod, lstat, mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { bytesOfText } from '../../fs/byte-string.ts';
import { removeTree } from '../../fs/write/remove-tree.ts';
import type { CloneSpec } from './clone-entry.ts';

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
    await rm(probe, { force: true });
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
