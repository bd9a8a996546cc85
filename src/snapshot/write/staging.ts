/**
 * How a complete tree replaces what was at a target, and how a later run handles a run that died; the names are in
 * `beside.ts`.
 *
 * The steps are: write tree, write json, set the old sidecar aside, exchange the trees, put the new sidecar in place,
 * remove the old tree. So a sidecar under its final name always describes the tree beside it; between two steps there
 * may be none, and then the next run does not take the tree for a snapshot. `restoreNames` completes or undoes the work
 * from any step, after a failure of this run or the death of an earlier one.
 */

import { rename, unlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { JobContext } from '../../contract/session.ts';
import { CtxsrcError, isCtxsrcError, localError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { shellWord } from '../../core/shell-word.ts';
import { loadNative } from '../../fs/native/native.ts';
import { removeFile } from '../../fs/write/remove-file.ts';
import { removeTree } from '../../fs/write/remove-tree.ts';
import { readSidecarFile, sidecarPath } from '../sidecar/sidecar.ts';
import { isIntact } from '../verify/verify.ts';
import { isThere, prefix, runsAt, type Staging } from './beside.ts';
import { stateOf } from './target.ts';

/** How long another run may take to change names at a target, which needs only some renames (ms). */
const LOCK_TIMEOUT = 60_000;

/**
 * Replaces the target by a complete tree (with its sidecar at `json`) and removes what was there.
 * @param force replace an existing target
 * @returns false if the target exists and must not be replaced
 * @throws CtxsrcError after which the target is unchanged
 */
export async function commit(job: JobContext, run: Staging, force: boolean): Promise<boolean> {
  let settled = true;
  const changeNames = async (): Promise<boolean> => {
    const replaces = stateOf(run.target) === 'occupied';
    if (replaces && !force) return false;
    settled = false;
    try {
      await renameIfThere(sidecarPath(run.target), run.oldJson);
      if (!replaces) {
        await rename(run.tree, run.target);
      } else if (!exchange(run.tree, run.target)) {
        await rename(run.target, run.old);
        await rename(run.tree, run.target);
      }
      await rename(run.json, sidecarPath(run.target));
    } catch (error) {
      throw localError(error, `cannot put ${printable(run.target)} in place`);
    } finally {
      await restoreNames(run);
      settled = true;
    }
    return true;
  };
  try {
    return await exclusively(run, changeNames, job.signal);
  } finally {
    // Otherwise the files may be all that is left of the old tree: the next run tries again.
    if (settled) await discard(job, run);
  }
}

/** Exchanges two directories atomically; false if the system or the file system cannot. */
function exchange(a: string, b: string): boolean {
  try {
    const native = loadNative();
    native?.exchange(a, b);
    return native !== undefined;
  } catch (error) {
    if (['EINVAL', 'ENOSYS', 'ENOTSUP'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}

/** Completes or undoes the work of a dead run, and removes its other files. */
export async function settle(job: JobContext, run: Staging): Promise<void> {
  // Without a sidecar the run has changed no names, so no lock is needed, for which a full disk may have no room.
  if ([run.json, run.old, run.oldJson].some(isThere)) await exclusively(run, () => restoreNames(run));
  await discard(job, run);
}

/** If the new tree is in place, its sidecar is put in place, too; otherwise the old tree and sidecar are. */
async function restoreNames(run: Staging): Promise<void> {
  try {
    if (!isThere(run.target)) await renameIfThere(run.old, run.target);
    if (isThere(run.json)) {
      if (await isNewTree(run)) await rename(run.json, sidecarPath(run.target));
      else await unlink(run.json);
    }
    if (isThere(sidecarPath(run.target))) await removeFile(run.oldJson);
    else await renameIfThere(run.oldJson, sidecarPath(run.target));
  } catch (error) {
    throw localError(error, `cannot restore ${printable(run.target)}`);
  }
}

/** Removes all files of a run that are no longer needed. Files that cannot be removed are named in a warning. */
export async function discard(job: JobContext, run: Staging): Promise<void> {
  for (const rest of [run.part, run.json, run.tree, run.old, run.lock]) {
    await removeTree(rest).catch((error: Error) => {
      job.progress.emit({ type: 'message', level: 'warning', text: `${error.message}: it can be deleted` });
    });
  }
}

/** True if the tree at the target is the one that the run's sidecar describes. */
async function isNewTree(run: Staging): Promise<boolean> {
  // It was moved, not exchanged, so it can only be at the target.
  if (!isThere(run.tree)) return isThere(run.target);
  try {
    return await isIntact(run.target, await readSidecarFile(run.json));
  } catch (error) {
    // The run died while it wrote the sidecar, before any exchange.
    if (isCtxsrcError(error, 'E_SIDECAR_INVALID')) return false;
    throw error;
  }
}

/**
 * Handles every dead run at this target; living ones are left alone.
 * @returns true if a living run works at this target
 */
export async function recover(job: JobContext, target: string): Promise<boolean> {
  const runs = runsAt(target);
  for (const { run, lives } of runs) {
    if (!lives) await settle(job, run);
  }
  return runs.some(({ lives }) => lives);
}

/**
 * Runs `work` while no other run changes names at the target. Each run creates a lock file of its own and then looks
 * for those of others: of two runs, at least the later one sees the other's file and removes its own. The lock of a
 * dead run is ignored.
 * @throws CtxsrcError `E_LOCK_TIMEOUT`, `E_PERMISSION`, `E_DISK_FULL`, `E_IO`
 */
export async function exclusively<T>(run: Staging, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  const deadline = Date.now() + LOCK_TIMEOUT;
  for (;;) {
    await writeFile(run.lock, '').catch((error: unknown) => {
      throw localError(error, `cannot create a file beside ${printable(run.target)}`);
    });
    try {
      const others = runsAt(run.target).filter((other) => other.lives && other.run.lock !== run.lock);
      if (!others.some((other) => isThere(other.run.lock))) return await work();
    } finally {
      await removeFile(run.lock);
    }
    if (Date.now() > deadline) {
      throw new CtxsrcError('E_LOCK_TIMEOUT', `another run has been busy at ${printable(run.target)} for too long`, {
        hint: `wait for it, or remove ${printable(shellWord(join(dirname(run.target), prefix(run.target))))}*`,
      });
    }
    await setTimeout(5 + Math.random() * 20, undefined, signal === undefined ? {} : { signal });
  }
}

async function renameIfThere(from: string, to: string): Promise<void> {
  if (isThere(from)) await rename(from, to);
}
