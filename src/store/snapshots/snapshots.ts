/**
 * Snapshots: the files of refs, stored in `snapshots/<id>/` so that they can be cloned instead of made again.
 *
 * Storing files costs as much as writing them once more, which a single run should not pay. So the first request for an
 * ID writes directly into the caller's directory and only leaves a record. Later requests clone that directory while it
 * exists. A copy is stored (a) the second time that files have to be made, and (b) when another process waits for the
 * same files; it is cloned from then on. `extract` and `mount` make the files in the store at once.
 *
 * The maker of an ID's files holds its lock, so that concurrent requests make them once. The copy is made under a
 * temporary name and renamed when it is complete.
 */
import { rename, rmdir } from 'node:fs/promises';
import type { Recipe, WriteOptions, WriteReport } from '../../contract/ref.ts';
import type { JobContext } from '../../contract/session.ts';
import { shortDigest } from '../../core/digest.ts';
import { isAbort, isCtxsrcError } from '../../core/errors.ts';
import { failureOf, Task } from '../../core/progress.ts';
import { DEFAULT_MAX_BYTES, DEFAULT_MAX_FILES, maxRatio, type ReadLimits } from '../../core/read-limits.ts';
import { rowsOf } from '../../fs/entry/json-rows.ts';
import { removeTree } from '../../fs/write/remove-tree.ts';
import { scanTree } from '../../fs/write/scan-tree.ts';
import { isUnwritable, storeError } from '../failures.ts';
import type { FileRecordStore } from '../records.ts';
import { acquireAloud, type Lock, type Locks } from '../sharing/locks.ts';
import { cloneEarlier } from './clone-earlier.ts';
import { emptied } from './clone-spec.ts';
import type { SnapshotStore } from './snapshot-store.ts';

/** Kind of the records that remember which IDs were requested. They protect nothing from collection. */
export const SNAPSHOT_RECORD = 'snapshot';

export class Snapshots {
  readonly #store: SnapshotStore;
  readonly #locks: Locks;
  readonly #records: FileRecordStore;
  /** For files that are made in the store: by default the limits of the command line for a target. */
  readonly #inStore: Pick<WriteOptions, 'mode' | 'limits'>;

  constructor(snapshotStore: SnapshotStore, locks: Locks, records: FileRecordStore, limits: ReadLimits = {}) {
    this.#store = snapshotStore;
    this.#locks = locks;
    this.#records = records;
    const { maxBytes = DEFAULT_MAX_BYTES, maxFiles = DEFAULT_MAX_FILES } = limits;
    this.#inStore = { mode: 'auto', limits: { maxBytes, maxFiles, maxRatio: maxRatio(limits.maxBytes) } };
  }

  /** `ImmutableRef.writeTo` of the contract. */
  async writeTo(job: JobContext, recipe: Recipe, dir: string, options: WriteOptions): Promise<WriteReport> {
    // The part that a filter selects is seldom requested twice, so it is not stored. Committed files may exist only in
    // the store.
    if (options.filter !== undefined) {
      const stored = recipe.layers === undefined ? await this.#cloneStored(job, recipe.id, dir, options) : undefined;
      return stored ?? this.#make(job, recipe, dir, options);
    }
    const quick = await this.#cloneStored(job, recipe.id, dir, options);
    if (quick !== undefined) return quick;
    if (options.mode === 'hardlink' || options.mode === 'reflink') {
      await this.#extract(job, recipe, options.owner);
      return (await this.#cloneStored(job, recipe.id, dir, options)) ?? produceAnew(job, recipe, dir, options);
    }
    // Files from a directory on this machine can be copied from there as quickly as from the store.
    if (recipe.layers === undefined) return produceAnew(job, recipe, dir, options);
    const name = snapshotName(recipe.id, options.owner);
    const lock = await this.#lock(job, name);
    try {
      const cloned = await this.#cloneStored(job, recipe.id, dir, options);
      if (cloned !== undefined) return cloned;
      const report = await this.#make(job, recipe, dir, options);
      if (lock !== undefined && (await this.#isWorthStoring(recipe, name, lock, report))) {
        await this.#save(job, recipe.id, dir, report, options);
      }
      return report;
    } finally {
      await lock?.release();
    }
  }

  /**
   * Makes the files in the store unless they exist.
   * @returns their directory, checked
   */
  async extract(job: JobContext, recipe: Recipe): Promise<string> {
    return this.#extract(job, recipe, 'auto');
  }

  /** Turns a directory under `tmp` into a snapshot; removes it if the snapshot exists. */
  async commit(dir: string, id: string): Promise<void> {
    const name = snapshotName(id, 'auto');
    const lock = await this.#locks.acquire(snapshotResource(name));
    try {
      if ((await this.#store.load(name)) !== undefined) return await removeTree(dir);
      await this.#store.make(name, new AbortController().signal, async (files) => {
        await rmdir(files);
        await rename(dir, files);
        return {
          task: 'note',
          from: files,
          lines: rowsOf(scanTree(files, true)),
          facts: { id, losses: [], lossCounts: {} },
        };
      });
    } catch (error) {
      throw storeError(error, `cannot store the files of ${id} in the cache`);
    } finally {
      await lock.release();
    }
  }

  /** Syncs the files of a ref in the store; a lazy ref has nothing to sync. */
  async finalize(id: string): Promise<void> {
    await this.#store.makeDurable(snapshotName(id, 'auto'));
  }

  /** Makes files that are not in the store: from an earlier snapshot if possible, else from the source. */
  async #make(job: JobContext, recipe: Recipe, dir: string, options: WriteOptions): Promise<WriteReport> {
    const earlier = await options.earlier?.();
    const { maxBytes, maxFiles } = options.limits;
    if (earlier !== undefined && earlier.report.bytes <= maxBytes && earlier.report.files <= maxFiles) {
      const report = await cloneEarlier(job, earlier, dir, options);
      if (report !== undefined) return report;
    }
    return produceAnew(job, recipe, dir, options);
  }

  async #cloneStored(
    job: JobContext,
    id: string,
    dir: string,
    options: WriteOptions,
  ): Promise<WriteReport | undefined> {
    for (const epoch of options.epoch === undefined ? [undefined] : [undefined, options.epoch]) {
      const name = snapshotName(id, options.owner, epoch);
      const stored = await this.#store.load(name);
      if (stored === undefined) continue;
      const { header } = stored;
      // If the files exceed the caller's limits, the source reports it in its own words.
      if (header.bytes > options.limits.maxBytes || header.count > options.limits.maxFiles) return undefined;
      const report = await this.#store.clone(job, stored, dir, options);
      if (report !== undefined) return report;
    }
    return undefined;
  }

  async #extract(job: JobContext, recipe: Recipe, owner: WriteOptions['owner']): Promise<string> {
    const name = snapshotName(recipe.id, owner);
    const files = this.#store.files(name);
    if (await this.#isUsable(job, name)) return files;
    const lock = await this.#mustLock(job, name);
    try {
      if (await this.#isUsable(job, name)) return files;
      await this.#store.make(name, job.signal, async (dir) => {
        const report = await produceAnew(job, recipe, dir, { ...this.#inStore, owner });
        return { task: 'note', from: dir, lines: rowsOf(report.entries), facts: { id: recipe.id, ...report } };
      });
      return files;
    } catch (error) {
      throw storeError(error, `cannot store the files of ${recipe.id} in the cache`);
    } finally {
      await lock.release();
    }
  }

  async #isUsable(job: JobContext, name: string): Promise<boolean> {
    if ((await this.#store.load(name)) === undefined) return false;
    const problem = await this.#store.check(job, name, false);
    if (problem !== undefined) await this.#store.discard(job, name, problem);
    return problem === undefined;
  }

  /** Copies files just written into the store. The caller has its files, so a failure only loses the copy. */
  async #save(job: JobContext, id: string, dir: string, report: WriteReport, options: WriteOptions): Promise<void> {
    const epoch = isClamped(report, options.epoch) ? options.epoch : undefined;
    const about = { total: report.files, unit: 'files' } as const;
    const task = new Task(job.progress, 'copy', `files of ${shortDigest(id)} into the cache`, about);
    const onProgress = (entries: number): void => task.advance(entries);
    try {
      await this.#store.make(snapshotName(id, options.owner, epoch), job.signal, async () => {
        return { task: 'keep', from: dir, lines: rowsOf(report.entries), facts: { id, ...report }, onProgress };
      });
      task.end();
    } catch (error) {
      task.end(failureOf(job.signal, error));
      if (isAbort(error) || job.signal.aborted) throw error;
      const text = error instanceof Error ? error.message : String(error);
      job.progress.emit({ type: 'message', level: 'verbose', text: `no copy of ${id} is kept in the cache: ${text}` });
    }
  }

  /** The lock of an ID; undefined if the store is not writable, so that no other process waits for it. */
  async #lock(job: JobContext, name: string): Promise<Lock | undefined> {
    try {
      return await this.#mustLock(job, name);
    } catch (error) {
      if (isUnwritable(error)) return undefined;
      throw error;
    }
  }

  #mustLock(job: JobContext, name: string): Promise<Lock> {
    return acquireAloud(job, this.#locks, snapshotResource(name), `files of ${shortDigest(name)}`);
  }

  /** True if a copy is worth its cost: another process waits for it, or the files were made a second time. */
  async #isWorthStoring({ id, layers }: Recipe, name: string, lock: Lock, { via }: WriteReport): Promise<boolean> {
    if (via !== 'unpack') return (await lock.waiters()) > 0;
    const before = await this.#records.get(SNAPSHOT_RECORD, name);
    const described = layers?.map(({ descriptor: { digest, size }, diffId }) => ({ digest, size, diffId }));
    await this.#records.set(SNAPSHOT_RECORD, name, { id, layers: described });
    return before !== undefined || (await lock.waiters()) > 0;
  }
}

/** Makes the files; a second time, from the start, if a download was wrong and another may be right. */
async function produceAnew(job: JobContext, recipe: Recipe, dir: string, options: WriteOptions): Promise<WriteReport> {
  try {
    return await recipe.produce(job, dir, options);
  } catch (error) {
    if (!isCtxsrcError(error) || error.details?.resumed !== true) throw error;
    job.progress.emit({ type: 'message', level: 'verbose', text: `${error.message}; starting anew` });
    await emptied(dir);
    return recipe.produce(job, dir, options);
  }
}

/** The directory of a snapshot: with other owners or clamped times the files differ. */
function snapshotName(id: string, owner: WriteOptions['owner'], epoch?: number): string {
  const plain = id.replaceAll(/[^A-Za-z0-9._-]/g, '-');
  return `${plain}${owner === 'auto' ? '' : `+${owner}`}${epoch === undefined ? '' : `+${epoch}`}`;
}

/** Name of a snapshot for leases and locks, for all its variants. */
export function snapshotResource(name: string): string {
  return `snapshot-${snapshotName(name.replace(/\+.*$/, ''), 'auto')}`;
}

function isClamped(report: WriteReport, epoch: number | undefined): boolean {
  if (epoch === undefined) return false;
  for (const { mtime, mtimeNs } of report.entries) if (mtime === epoch && mtimeNs === 0) return true;
  return false;
}
