/**
 * Snapshots: the files of refs, kept in `snapshots/<id>/` so that they can be cloned instead of made again.
 *
 * Keeping files costs as much as writing them once more, which a run that happens once must not pay. So the first
 * request for an id streams straight into the caller's directory and only leaves a record. Later ones clone that directory
 * while it is there. One that finds nothing to clone for the second time, and a first one whose end other processes are
 * waiting for, also leaves a copy in the store, which is cloned from then on. `extract` and
 * `mount` make the files in the store at once.
 *
 * Whoever makes the files of an id holds its lock, so that they are made once however many ask. The copy is made under a
 * temporary name and renamed when it is whole.
 */
import { rename, rmdir } from 'node:fs/promises';
import type { Recipe, WriteOptions, WriteReport } from '../../contract/ref.ts';
import type { JobContext } from '../../contract/session.ts';
import { shortDigest } from '../../core/digest.ts';
import { isAbort, isCtxsrcError } from '../../core/errors.ts';
import { Task } from '../../core/progress.ts';
import { DEFAULT_MAX_BYTES, DEFAULT_MAX_FILES, maxRatio, type ReadLimits } from '../../core/read-limits.ts';
import { removeTree } from '../../fs/write/remove-tree.ts';
import { isUnwritable, storeError } from '../layout.ts';
import type { FileRecordStore } from '../records.ts';
import type { Lock, Locks } from '../sharing/locks.ts';
import { cloneEarlier } from './clone-earlier.ts';
import { emptied } from './clone-spec.ts';
import { entryLines } from './manifest.ts';
import { scanTree } from './scan.ts';
import type { SnapshotShelf } from './shelf.ts';

/** Kind of the records that remember which ids were asked for. They keep nothing from being collected. */
export const SNAPSHOT_RECORD = 'snapshot';

export class Snapshots {
  readonly #shelf: SnapshotShelf;
  readonly #locks: Locks;
  readonly #records: FileRecordStore;
  /** For files that are made in the store: where nothing else is said, what the command line allows for a target. */
  readonly #inStore: Pick<WriteOptions, 'mode' | 'limits'>;

  constructor(shelf: SnapshotShelf, locks: Locks, records: FileRecordStore, limits: ReadLimits = {}) {
    this.#shelf = shelf;
    this.#locks = locks;
    this.#records = records;
    const { maxBytes = DEFAULT_MAX_BYTES, maxFiles = DEFAULT_MAX_FILES } = limits;
    this.#inStore = { mode: 'auto', limits: { maxBytes, maxFiles, maxRatio: maxRatio(limits.maxBytes) } };
  }

  /** `ImmutableRef.writeTo` of the contract. */
  async writeTo(job: JobContext, recipe: Recipe, dir: string, options: WriteOptions): Promise<WriteReport> {
    // What a filter leaves of an image is seldom asked for twice. Other files may be in the store and nowhere else.
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
    // Files that come from a directory of this machine are as quickly copied from there as from here.
    if (recipe.layers === undefined) return produceAnew(job, recipe, dir, options);
    const name = snapshotName(recipe.id, options.owner);
    const lock = await this.#lock(job, name);
    try {
      const cloned = await this.#cloneStored(job, recipe.id, dir, options);
      if (cloned !== undefined) return cloned;
      const report = await this.#make(job, recipe, dir, options);
      if (lock !== undefined && (await this.#pays(recipe, name, lock, report))) {
        await this.#keep(job, recipe.id, dir, report, options);
      }
      return report;
    } finally {
      await lock?.release();
    }
  }

  /** Makes the files in the store unless they are there. @returns the directory they are in, checked */
  async extract(job: JobContext, recipe: Recipe): Promise<string> {
    return this.#extract(job, recipe, 'auto');
  }

  /** A directory under `tmp` becomes a snapshot, or goes when there is one already. */
  async commit(dir: string, id: string): Promise<void> {
    const name = snapshotName(id, 'auto');
    const lock = await this.#locks.acquire(snapshotResource(name));
    try {
      if ((await this.#shelf.load(name)) !== undefined) return await removeTree(dir);
      await this.#shelf.make(name, new AbortController().signal, async (files) => {
        await rmdir(files);
        await rename(dir, files);
        return {
          task: 'note',
          from: files,
          lines: entryLines(scanTree(files)),
          facts: { id, losses: [], lossCounts: {} },
        };
      });
    } catch (error) {
      throw storeError(error, `cannot store the files of ${id} in the cache`);
    } finally {
      await lock.release();
    }
  }

  /** What is in the store of a ref is synced; one that is lazy has nothing to sync. */
  async finalize(id: string): Promise<void> {
    await this.#shelf.makeDurable(snapshotName(id, 'auto'));
  }

  /** Files that are not in the store: of an earlier snapshot if that can be had, else made. */
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
      const stored = await this.#shelf.load(name);
      if (stored === undefined) continue;
      const { header } = stored;
      // Too much for the caller is for the source to say, in its words.
      if (header.bytes > options.limits.maxBytes || header.count > options.limits.maxFiles) return undefined;
      const report = await this.#shelf.clone(job, stored, dir, options);
      if (report !== undefined) return report;
    }
    return undefined;
  }

  async #extract(job: JobContext, recipe: Recipe, owner: WriteOptions['owner']): Promise<string> {
    const name = snapshotName(recipe.id, owner);
    const files = this.#shelf.files(name);
    if (await this.#isUsable(job, name)) return files;
    const lock = await this.#mustLock(job, name);
    try {
      if (await this.#isUsable(job, name)) return files;
      await this.#shelf.make(name, job.signal, async (dir) => {
        const report = await produceAnew(job, recipe, dir, { ...this.#inStore, owner });
        return { task: 'note', from: dir, lines: entryLines(report.entries), facts: { id: recipe.id, ...report } };
      });
      return files;
    } catch (error) {
      throw storeError(error, `cannot store the files of ${recipe.id} in the cache`);
    } finally {
      await lock.release();
    }
  }

  async #isUsable(job: JobContext, name: string): Promise<boolean> {
    if ((await this.#shelf.load(name)) === undefined) return false;
    const problem = await this.#shelf.check(job, name, false);
    if (problem !== undefined) await this.#shelf.discard(job, name, problem);
    return problem === undefined;
  }

  /** Copies files just written into the store. The caller has what it wanted: a failure is no more than a pity. */
  async #keep(job: JobContext, id: string, dir: string, report: WriteReport, options: WriteOptions): Promise<void> {
    const epoch = isClamped(report, options.epoch) ? options.epoch : undefined;
    const about = { total: report.files, unit: 'files' } as const;
    const task = new Task(job.progress, 'copy', `files of ${shortDigest(id)} into the cache`, about);
    const onProgress = (entries: number): void => task.advance(entries);
    try {
      await this.#shelf.make(snapshotName(id, options.owner, epoch), job.signal, async () => {
        return { task: 'keep', from: dir, lines: entryLines(report.entries), facts: { id, ...report }, onProgress };
      });
      task.end();
    } catch (error) {
      task.end(isAbort(error) || job.signal.aborted ? 'aborted' : 'failed');
      if (isAbort(error) || job.signal.aborted) throw error;
      const text = error instanceof Error ? error.message : String(error);
      job.progress.emit({ type: 'message', level: 'verbose', text: `no copy of ${id} is kept in the cache: ${text}` });
    }
  }

  /** The lock of an id; undefined where the store cannot be written, and so no one else is served from it. */
  async #lock(job: JobContext, name: string): Promise<Lock | undefined> {
    try {
      return await this.#mustLock(job, name);
    } catch (error) {
      if (isUnwritable(error)) return undefined;
      throw error;
    }
  }

  async #mustLock(job: JobContext, name: string): Promise<Lock> {
    let waiting: Task | undefined;
    try {
      const lock = await this.#locks.acquire(snapshotResource(name), {
        signal: job.signal,
        onWait: () => {
          waiting ??= new Task(job.progress, 'wait', `files of ${shortDigest(name)}`);
          return 0;
        },
      });
      waiting?.end();
      return lock;
    } catch (error) {
      waiting?.end(isAbort(error) ? 'aborted' : 'failed');
      throw error;
    }
  }

  /** Whether a copy pays: someone waits for it, or the files had to be made for the second time. */
  async #pays({ id, layers }: Recipe, name: string, lock: Lock, { via }: WriteReport): Promise<boolean> {
    if (via !== 'unpack') return (await lock.waiters()) > 0;
    const before = await this.#records.get(SNAPSHOT_RECORD, name);
    const described = layers?.map(({ descriptor: { digest, size }, diffId }) => ({ digest, size, diffId }));
    await this.#records.set(SNAPSHOT_RECORD, name, { id, layers: described });
    return before !== undefined || (await lock.waiters()) > 0;
  }
}

/** Makes the files; once more, from nothing, when a download turns out to be wrong of which another may be right. */
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

/** The directory of a snapshot: other owners, or clamped times, are other files. */
function snapshotName(id: string, owner: WriteOptions['owner'], epoch?: number): string {
  const plain = id.replaceAll(/[^A-Za-z0-9._-]/g, '-');
  return `${plain}${owner === 'auto' ? '' : `+${owner}`}${epoch === undefined ? '' : `+${epoch}`}`;
}

/** Name of a snapshot among leases and locks, whatever its variant. */
export function snapshotResource(name: string): string {
  return `snapshot-${snapshotName(name.replace(/\+.*$/, ''), 'auto')}`;
}

function isClamped(report: WriteReport, epoch: number | undefined): boolean {
  if (epoch === undefined) return false;
  const limit = String(BigInt(epoch) * 1_000_000_000n);
  for (const { mtime } of report.entries) if (mtime === limit) return true;
  return false;
}
