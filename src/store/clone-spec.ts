/** What a clone is to do, completed with what holds for this process and the directory it goes to. */
import { chmod, lstat, mkdir } from 'node:fs/promises';
import { removeTree } from '../fs/remove-tree.ts';
import type { CloneSpec } from './clone-entry.ts';

/** A spec with what holds for this process; files are believed to be as recorded unless `trust` says otherwise. */
export function cloneSpec(spec: Pick<CloneSpec, 'task' | 'from' | 'to'> & Partial<CloneSpec>): CloneSpec {
  return { how: 'copy', trust: true, owner: undefined, opened: ownUid() !== 0, ...spec };
}

/** What a new file in `dir` belongs to; not certain where a directory hands its group down. */
export async function ownerOfNewFiles(dir: string): Promise<CloneSpec['owner']> {
  const gid = process.getegid?.();
  if (gid === undefined || ((await lstat(dir)).mode & 0o2000) !== 0) return undefined;
  return { uid: ownUid(), gid };
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
