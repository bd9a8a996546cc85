/**
 * How a finished tree takes the place of what was at a target, and what a later run does about a run that died; the names
 * are those of `beside.ts`.
 *
 * The order of steps is: write tree, write json, put the old sidecar aside, change the trees, put the new sidecar in
 * place, remove the old tree. So a sidecar under its final name always describes the tree beside it; between two steps
 * there may be none, which only means that the next run does not take the tree for a snapshot. `restoreNames` completes or
 * undoes from any step; it serves a failure of this run and the death of an earlier one alike.
 */

import { rename, rm, unlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { JobContext } from '../../contract/session.ts';
import { CtxsrcError, isCtxsrcError, localError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { shellWord } from '../../core/shell-word.ts';
import { loadNative } from '../../fs/native/native.ts';
import { removeTree } from '../../fs/write/remove-tree.ts';
import { readSidecarFile, sidecarPath } from '../sidecar/sidecar.ts';
import { isIntact } from '../verify/verify.ts';
import { isThere, prefix, runsAt, type Staging } from './beside.ts';
import { stateOf } from './target.ts';

/** How long another run may take to change names at a target: some renames (ms). */
const LOCK_PATIENCE = 60_000;

/**
 * Puts a whole tree (with its sidecar at `json`) in the place of the target and removes what was there.
 * @param force replace what is there
 * @returns false when there is something and it was not to be replaced
 * @throws CtxsrcError after which the target is what it was
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
    // Otherwise what is left may be all there is of the old tree: the next run tries again.
    if (settled) await discard(job, run);
  }
}

/** Exchanges two directories in one step; false where the system or its file system cannot. */
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

/** Brings what a dead run left to one end, the new tree or the old one, and removes the rest. */
export async function settle(job: JobContext, run: Staging): Promise<void> {
  // Without a sidecar it changed no names; then there is no need of a lock, for which a full disk may have no room.
  if ([run.json, run.old, run.oldJson].some(isThere)) await exclusively(run, () => restoreNames(run));
  await discard(job, run);
}

/** When the new tree has its place, its sidecar gets it too, else the old tree and the old sidecar are where they were. */
async function restoreNames(run: Staging): Promise<void> {
  try {
    if (!isThere(run.target)) await renameIfThere(run.old, run.target);
    if (isThere(run.json)) {
      if (await isNewTree(run)) await rename(run.json, sidecarPath(run.target));
      else await unlink(run.json);
    }
    if (isThere(sidecarPath(run.target))) await rm(run.oldJson, { force: true });
    else await renameIfThere(run.oldJson, sidecarPath(run.target));
  } catch (error) {
    throw localError(error, `cannot restore ${printable(run.target)}`);
  }
}

/** Removes everything of a run that has no more use. What resists is named in a warning: it is in nobody's way. */
export async function discard(job: JobContext, run: Staging): Promise<void> {
  for (const rest of [run.part, run.json, run.tree, run.old, run.lock]) {
    await removeTree(rest).catch((error: Error) => {
      job.progress.emit({ type: 'message', level: 'warning', text: `${error.message}: it can be deleted` });
    });
  }
}

/** True when the tree at the target is the one that the run's sidecar describes. */
async function isNewTree(run: Staging): Promise<boolean> {
  // Moved, not exchanged: then it can be nowhere else.
  if (!isThere(run.tree)) return isThere(run.target);
  try {
    return await isIntact(run.target, await readSidecarFile(run.json));
  } catch (error) {
    // Died while it wrote the sidecar, before anything changed places.
    if (isCtxsrcError(error, 'E_SIDECAR_INVALID')) return false;
    throw error;
  }
}

/**
 * Settles every dead run at this target; a live one is left alone.
 * @returns true when a live run is at work at this target
 */
export async function recover(job: JobContext, target: string): Promise<boolean> {
  const runs = runsAt(target);
  for (const { run, lives } of runs) {
    if (!lives) await settle(job, run);
  }
  return runs.some(({ lives }) => lives);
}

/**
 * Does something while no other run changes names at the target. Each run has a lock file of its own and looks for
 * those of others after it made it: of two at least the later one sees the other's and takes its own back. The lock of
 * a dead run counts for nothing.
 * @throws CtxsrcError `E_LOCK_TIMEOUT`, `E_PERMISSION`, `E_DISK_FULL`, `E_IO`
 */
export async function exclusively<T>(run: Staging, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  const deadline = Date.now() + LOCK_PATIENCE;
  for (;;) {
    await writeFile(run.lock, '').catch((error: unknown) => {
      throw localError(error, `cannot create a file beside ${printable(run.target)}`);
    });
    try {
      const others = runsAt(run.target).filter((other) => other.lives && other.run.lock !== run.lock);
      if (!others.some((other) => isThere(other.run.lock))) return await work();
    } finally {
      await rm(run.lock, { force: true });
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
