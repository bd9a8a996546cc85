/** What a clone is to do, completed with what holds for this process and the directory it goes to. */
import { chmod, lstat, mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { removeTree } from '../../fs/write/remove-tree.ts';
import type { CloneSpec } from './clone-entry.ts';

/** A spec with what holds for this process; files are believed to be as recorded unless `trust` says otherwise. */
export function cloneSpec(spec: Pick<CloneSpec, 'task' | 'from' | 'to'> & Partial<CloneSpec>): CloneSpec {
  return {
    how: 'copy',
    trust: true,
    opened: ownUid() !== 0,
    ...spec,
  };
}

/** What a new file in `dir` gets, found out by making one. */
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

/** 0 where there are no users. */
export function ownUid(): number {
  return process.geteuid?.() ?? 0;
}

/** An empty directory in the place of one with half a clone in it. */
export async function emptied(dir: string): Promise<void> {
  const { mode } = await lstat(dir);
  await removeTree(dir);
  await mkdir(dir);
  await chmod(dir, mode & 0o7777);
}
