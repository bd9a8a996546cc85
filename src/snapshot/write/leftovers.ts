/**
 * Leftovers of runs that were killed (kill -9, a second signal), beside targets anywhere on the disk. The next run at
 * the same target removes them; `ctxsrc cache prune` can, too, because the store records from the start where each run
 * works.
 */

import { isAbsolute } from 'node:path';
import type { JobContext } from '../../contract/session.ts';
import type { RecordStore, Store, StoreAdmin } from '../../contract/store.ts';
import { shellWord } from '../../core/shell-word.ts';
import { UNFINISHED_RECORD } from '../../store/gc/store-view.ts';
import { leavesSomething, runOf, type Staging } from './beside.ts';
import { settle } from './staging.ts';

/**
 * Records in the store that a run writes beside its target. A store that is not writable records nothing, which does
 * not stop the run.
 * @returns a function that removes the record, unless files of the run remain
 */
export async function noteUnfinished(records: RecordStore | undefined, run: Staging): Promise<() => Promise<void>> {
  await records?.set(UNFINISHED_RECORD, run.stem, { target: run.target }).catch(() => undefined);
  return async () => {
    if (!leavesSomething(run)) await records?.delete(UNFINISHED_RECORD, run.stem).catch(() => undefined);
  };
}

/**
 * Completes or undoes the work of dead runs at their targets, and removes their other files.
 * @param dryRun only report what would be removed
 * @returns the common beginning of each run's names, absolute paths
 */
export async function clearLeftovers(job: JobContext, store: Store & StoreAdmin, dryRun: boolean): Promise<string[]> {
  const cleared: string[] = [];
  const kind = `${UNFINISHED_RECORD} `;
  for (const item of await store.list()) {
    if (item.kind !== 'record' || !item.id.startsWith(kind)) continue;
    job.signal.throwIfAborted();
    const stem = item.id.slice(kind.length);
    try {
      const found = await leftBy(store.records, stem);
      if (found?.lives === true) continue;
      if (found !== undefined && leavesSomething(found.run)) {
        cleared.push(stem);
        if (!dryRun) await settle(job, found.run);
      }
      if (!dryRun) await store.records.delete(UNFINISHED_RECORD, stem);
    } catch (error) {
      job.progress.emit({
        type: 'message',
        level: 'warning',
        text: `${(error as Error).message}: ${shellWord(stem)}* can be deleted`,
      });
    }
  }
  return cleared;
}

async function leftBy(records: RecordStore, stem: string): Promise<{ run: Staging; lives: boolean } | undefined> {
  const { target } = ((await records.get(UNFINISHED_RECORD, stem)) ?? {}) as Record<string, unknown>;
  return typeof target === 'string' && isAbsolute(target) ? runOf(target, stem) : undefined;
}
