/**
 * Snapshots: the files of refs, kept in `snapshots/<id>/` so that they can be cloned instead of made again.
 *
 * Keeping files costs as much as writing them once more, which a run that happens once must not pay. So the first
 * request for an id streams straight into the caller's directory and only leaves a record; the second one, and a first
 * one whose end other processes are waiting for, also leaves a copy in the store; later ones clone that. `extract` and
 * `mount` make the files in the store at once.
 *
 * Whoever makes the files of an id holds its lock, so that they are made once however many ask. The copy is made under a
 * temporary name and renamed when it is whole.
 */
import { createHash } from 'node:crypto';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { chmod, copyFile, link, lstat, mkdir, rename, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { Recipe, WriteOptions, WriteReport } from '../contract/ref.ts';
import type { JobContext } from '../contract/session.ts';
import { shortDigest } from '../core/digest.ts';
import { CtxsrcError, isAbort } from '../core/errors.ts';
import { Task } from '../core/progress.ts';
import { removeTree } from '../fs/remove-tree.ts';
import { cloneTree, restateLines } from './clone.ts';
import { type CloneSpec, CloneUnable } from './clone-entry.ts';
import { bootId } from './identity.ts';
import { isUnwritable, type StoreDirectory, storeError } from './layout.ts';
import type { Leases } from './leases.ts';
import type { Lock, Locks } from './locks.ts';
import type { FileRecordStore } from './records.ts';
import { scanTree } from './scan.ts';
import {
  entriesPath,
  FILES,
  formatEntry,
  headerPath,
  readHeader,
  readLines,
  reportEntries,
  reportOf,
  type SnapshotHeader,
} from './snapshot-manifest.ts';

/** Kind of the records that remember which ids were asked for. They keep nothing from being collected. */
export const SNAPSHOT_RECORD = 'snapshot';

/** For files that are made in the store: as generous as what the command line allows for a target. */
const IN_STORE: WriteOptions = {
  owner: 'auto',
  mode: 'auto',
  limits: { maxBytes: 64 * 1024 ** 3, maxFiles: 5_000_000, maxRatio: 1_000 },
};

/** A snapshot of the store that may be used. */
interface Stored {
  readonly home: string;
  readonly header: SnapshotHeader;
}

export interface SnapshotEnv {
  readonly directory: StoreDirectory;
  readonly locks: Locks;
  readonly leases: Leases;
  readonly records: FileRecordStore;
}

export class Snapshots {
  readonly #env: SnapshotEnv;
  /** Lists of entries that reports read from, until the store is closed. */
  readonly #lists = new Set<string>();

  constructor(env: SnapshotEnv) {
    this.#env = env;
  }

  /** `ImmutableRef.writeTo` of the contract. */
  async writeTo(job: JobContext, recipe: Recipe, dir: string, options: WriteOptions): Promise<WriteReport> {
    // What a filter leaves is seldom asked for twice.
    if (options.filter !== undefined) return recipe.produce(job, dir, options);
    const quick = await this.#cloneStored(job, recipe.id, dir, options);
    if (quick !== undefined) return quick;
    if (options.mode === 'hardlink' || options.mode === 'reflink') {
      await this.#extract(job, recipe, options.owner);
      return (await this.#cloneStored(job, recipe.id, dir, options)) ?? recipe.produce(job, dir, options);
    }
    // Files that come from a directory of this machine are as quickly copied from there as from here.
    if (recipe.layers === undefined) return recipe.produce(job, dir, options);
    const name = snapshotName(recipe.id, options.owner);
    const lock = await this.#lock(job, name);
    try {
      const cloned = await this.#cloneStored(job, recipe.id, dir, options);
      if (cloned !== undefined) return cloned;
      const report = await recipe.produce(job, dir, options);
      if (lock !== undefined && (await this.#isWantedAgain(recipe, name, lock))) {
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
    const home = this.#home(snapshotName(id, 'auto'));
    const lock = await this.#env.locks.acquire(snapshotResource(snapshotName(id, 'auto')));
    const temporary = this.#env.directory.temporaryPath();
    try {
      if ((await this.#load(home)) !== undefined) return await removeTree(dir);
      await mkdir(temporary);
      await rename(dir, join(temporary, FILES));
      const lines = function* (): Generator<string> {
        for (const entry of scanTree(join(temporary, FILES))) yield formatEntry(entry).slice(0, -1);
      };
      const facts = { id, losses: [], lossCounts: {} };
      await this.#note(temporary, 'note', join(temporary, FILES), lines(), facts, new AbortController().signal);
      await this.#publish(temporary, home);
    } catch (error) {
      await removeTree(temporary);
      throw storeError(error, `cannot store the files of ${id} in the cache`);
    } finally {
      await lock.release();
    }
  }

  /**
   * The files of a snapshot are synced, so that they need not be hashed again after the next boot. A ref that is lazy
   * has nothing to sync.
   */
  async finalize(id: string): Promise<void> {
    const stored = await this.#load(this.#home(snapshotName(id, 'auto')));
    if (stored === undefined || stored.header.durable) return;
    const { syncTree } = await import('./sync-tree.ts');
    await syncTree(join(stored.home, FILES));
    await this.#writeHeader(stored.home, { ...stored.header, durable: true }, 'directory');
  }

  /** True when the files of the id are in the store. */
  async has(id: string): Promise<boolean> {
    return (await this.#load(this.#home(snapshotName(id, 'auto')))) !== undefined;
  }

  /**
   * Compares the files of a snapshot with its record. @param name of the directory @param all every byte is read
   * @returns what is wrong, undefined when nothing is
   */
  async check(job: JobContext, name: string, all: boolean): Promise<string | undefined> {
    const stored = await this.#load(this.#home(name));
    if (stored === undefined) return 'its record cannot be read';
    const { header, home } = stored;
    const files = join(home, FILES);
    const trust = !all && isSettled(header);
    const spec = cloneSpec({ task: all ? 'hash' : 'check', from: files, to: files, trust });
    try {
      const outcome = await cloneTree({
        spec,
        lines: readLines(entriesPath(home, header.entries)),
        signal: job.signal,
        size: header,
      });
      if (outcome.damage !== undefined) return `${outcome.damage.path} ${outcome.damage.problem}`;
      if (outcome.digest !== header.entries) return 'its list of entries was changed';
      await this.#settle(stored, outcome.restated, !trust);
      return undefined;
    } catch (error) {
      if (isAbort(error) || job.signal.aborted) throw error;
      return error instanceof Error ? error.message : String(error);
    }
  }

  /** Takes a snapshot out of the store. */
  async remove(name: string): Promise<void> {
    const away = this.#env.directory.temporaryPath();
    try {
      await rename(this.#home(name), away);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw storeError(error, `cannot remove snapshot ${name} from the cache`);
    }
    this.#env.directory.step('snapshot:removed');
    await removeTree(away);
  }

  async close(): Promise<void> {
    for (const list of this.#lists) await rm(list, { force: true });
    this.#lists.clear();
  }

  #home(name: string): string {
    return this.#env.directory.path('snapshots', name);
  }

  /** A snapshot that this user wrote. */
  async #load(home: string): Promise<Stored | undefined> {
    const header = await readHeader(home);
    return header === undefined || header.uid !== ownUid() ? undefined : { home, header };
  }

  async #cloneStored(
    job: JobContext,
    id: string,
    dir: string,
    options: WriteOptions,
  ): Promise<WriteReport | undefined> {
    for (const epoch of options.epoch === undefined ? [undefined] : [undefined, options.epoch]) {
      const name = snapshotName(id, options.owner, epoch);
      const stored = await this.#load(this.#home(name));
      if (stored === undefined) continue;
      const { header } = stored;
      // Too much for the caller is for the source to say, in its words.
      if (header.bytes > options.limits.maxBytes || header.count > options.limits.maxFiles) return undefined;
      const report = await this.#clone(job, stored, name, dir, options);
      if (report !== undefined) return report;
    }
    return undefined;
  }

  async #clone(
    job: JobContext,
    { home, header }: Stored,
    name: string,
    dir: string,
    options: WriteOptions,
  ): Promise<WriteReport | undefined> {
    const list = await this.#holdEntries(home, header);
    if (list === undefined) return undefined;
    const how = await chooseMeans(list, dir, options.mode);
    const trust = isSettled(header);
    const spec = cloneSpec({
      task: 'clone',
      from: join(home, FILES),
      to: dir,
      how,
      trust,
      epoch: options.epoch,
      owner: await ownerOfNewFiles(dir),
    });
    const task = new Task(job.progress, 'copy', `files of ${shortDigest(header.id)}`, header.count, 'files');
    try {
      const outcome = await cloneTree({
        spec,
        lines: readLines(list),
        signal: job.signal,
        size: header,
        onProgress: (entries) => task.advance(entries),
      });
      const problem =
        outcome.damage !== undefined
          ? `${outcome.damage.path} ${outcome.damage.problem}`
          : outcome.digest === header.entries
            ? undefined
            : 'its list of entries was changed';
      if (problem === undefined) {
        await this.#settle({ home, header }, outcome.restated, !trust).catch(() => undefined);
        const now = new Date();
        await utimes(headerPath(home), now, now).catch(() => undefined);
        task.end();
        if (how === 'hardlink') noteSharing(job, header.id);
        return reportOf(header, reportEntries(list, options.epoch), how);
      }
      task.end('failed');
      await emptied(dir);
      // One that another process has just collected is no damage.
      if ((await readHeader(home)) !== undefined) await this.#discard(job, name, problem);
      return undefined;
    } catch (error) {
      task.end(isAbort(error) ? 'aborted' : 'failed');
      if (isAbort(error) || job.signal.aborted) throw error;
      if (error instanceof CloneUnable) {
        await emptied(dir);
        return undefined;
      }
      throw meansError(storeError(error, `cannot write ${dir}`), options.mode);
    }
  }

  async #discard(job: JobContext, name: string, problem: string): Promise<void> {
    await this.remove(name);
    job.progress.emit({
      type: 'message',
      level: 'warning',
      text: `snapshot ${name} in the cache was changed (${problem}) and has been removed`,
      hint: 'files that were hard-linked from the cache must not be written to',
    });
  }

  async #extract(job: JobContext, recipe: Recipe, owner: WriteOptions['owner']): Promise<string> {
    const name = snapshotName(recipe.id, owner);
    const home = this.#home(name);
    const files = join(home, FILES);
    const usable = async (): Promise<boolean> => {
      if ((await this.#load(home)) === undefined) return false;
      const problem = await this.check(job, name, false);
      if (problem !== undefined) await this.#discard(job, name, problem);
      return problem === undefined;
    };
    if (await usable()) return files;
    const lock = await this.#mustLock(job, name);
    const temporary = this.#env.directory.temporaryPath();
    try {
      if (await usable()) return files;
      await this.#env.leases.announce();
      await mkdir(join(temporary, FILES), { recursive: true });
      await chmod(join(temporary, FILES), 0o755);
      const report = await recipe.produce(job, join(temporary, FILES), { ...IN_STORE, owner });
      await this.#note(
        temporary,
        'note',
        join(temporary, FILES),
        lines(report),
        { id: recipe.id, ...report },
        job.signal,
      );
      await this.#publish(temporary, home);
      return files;
    } catch (error) {
      await removeTree(temporary);
      throw storeError(error, `cannot store the files of ${recipe.id} in the cache`);
    } finally {
      await lock.release();
    }
  }

  /** Copies files just written into the store. The caller has what it wanted: a failure is no more than a pity. */
  async #keep(job: JobContext, id: string, dir: string, report: WriteReport, options: WriteOptions): Promise<void> {
    const temporary = this.#env.directory.temporaryPath();
    try {
      await this.#env.leases.announce();
      await mkdir(join(temporary, FILES), { recursive: true });
      await chmod(join(temporary, FILES), 0o755);
      const home = this.#home(
        snapshotName(id, options.owner, isClamped(report, options.epoch) ? options.epoch : undefined),
      );
      await this.#note(temporary, 'keep', dir, lines(report), { id, ...report }, job.signal);
      await this.#publish(temporary, home);
    } catch (error) {
      await removeTree(temporary);
      if (isAbort(error) || job.signal.aborted) throw error;
      const text = error instanceof Error ? error.message : String(error);
      job.progress.emit({ type: 'message', level: 'verbose', text: `no copy of ${id} is kept in the cache: ${text}` });
    }
  }

  /** Writes list and header of the snapshot being made in `temporary`, copying or stamping its files on the way. */
  async #note(
    temporary: string,
    task: 'keep' | 'note',
    from: string,
    entries: Iterable<string>,
    facts: Pick<SnapshotHeader, 'id' | 'losses' | 'lossCounts'>,
    signal: AbortSignal,
  ): Promise<void> {
    const to = join(temporary, FILES);
    const list = join(temporary, 'entries');
    const hash = createHash('sha256');
    let bytes = 0;
    let files = 0;
    const fd = openSync(list, 'wx');
    let count: number;
    try {
      const how = task === 'keep' ? await chooseMeans(list, from, 'auto') : 'copy';
      const spec = cloneSpec({ task, from, to, how, owner: await ownerOfNewFiles(to) });
      const counted = function* (): Generator<string> {
        for (const line of entries) {
          const size = /^\{"type":"file","size":(\d+)/.exec(line)?.[1];
          if (size !== undefined) bytes += Number(size);
          files += 1;
          yield line;
        }
      };
      const record = (text: string): void => {
        hash.update(text);
        writeSync(fd, text);
      };
      ({ count } = await cloneTree({ spec, lines: counted(), signal, record }));
    } finally {
      closeSync(fd);
    }
    const digest = `sha256:${hash.digest('hex')}` as const;
    await rename(list, entriesPath(temporary, digest));
    const { id, losses, lossCounts } = facts;
    const header: SnapshotHeader = {
      id,
      uid: ownUid(),
      boot: bootId(),
      durable: false,
      files,
      bytes,
      count,
      losses,
      lossCounts,
      entries: digest,
    };
    await this.#writeHeader(temporary, header, 'no');
    this.#env.directory.step('snapshot:made');
  }

  async #publish(temporary: string, home: string): Promise<void> {
    // What is there cannot be used, or this would not have been made.
    await this.remove(home.slice(home.lastIndexOf('/') + 1));
    await rename(temporary, home);
    this.#env.directory.step('snapshot:renamed');
  }

  async #writeHeader(home: string, header: SnapshotHeader, sync: 'no' | 'directory'): Promise<void> {
    await this.#env.directory.replaceFile(headerPath(home), `${JSON.stringify(header)}\n`, sync);
  }

  /** Records what was seen when it differs from what was recorded, and that all was hashed when it was. */
  async #settle({ home, header }: Stored, restated: ReadonlyMap<number, string>, hashed: boolean): Promise<void> {
    if (restated.size === 0 && (!hashed || header.durable)) return;
    let { entries } = header;
    if (restated.size > 0) {
      const temporary = this.#env.directory.temporaryPath();
      const hash = createHash('sha256');
      const fd = openSync(temporary, 'wx');
      try {
        for (const text of restateLines(readLines(entriesPath(home, header.entries)), restated)) {
          hash.update(text);
          writeSync(fd, text);
        }
      } finally {
        closeSync(fd);
      }
      entries = `sha256:${hash.digest('hex')}`;
      await rename(temporary, entriesPath(home, entries));
    }
    await this.#writeHeader(home, { ...header, entries, durable: header.durable || hashed, boot: bootId() }, 'no');
    if (entries !== header.entries) await rm(entriesPath(home, header.entries), { force: true });
  }

  /** The list of entries under a name of this process, which stays when the snapshot is collected or restated. */
  async #holdEntries(home: string, header: SnapshotHeader): Promise<string | undefined> {
    const source = entriesPath(home, header.entries);
    const held = this.#env.directory.temporaryPath();
    try {
      await this.#env.leases.announce();
      await link(source, held).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') throw error;
        return copyFile(source, held, constants.COPYFILE_EXCL);
      });
      this.#lists.add(held);
      return held;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return undefined;
      // A store that cannot be written has no other process that changes it.
      if (code === 'EROFS' || code === 'EACCES' || code === 'EPERM') return source;
      throw storeError(error, `cannot use the cache ${this.#env.directory.root}`);
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
      const lock = await this.#env.locks.acquire(snapshotResource(name), {
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

  /** Whether a copy pays: someone waits for it, or the id is asked for the second time. */
  async #isWantedAgain({ id, layers }: Recipe, name: string, lock: Lock): Promise<boolean> {
    const before = await this.#env.records.get(SNAPSHOT_RECORD, name);
    const described = layers?.map(({ descriptor: { digest, size }, diffId }) => ({ digest, size, diffId }));
    await this.#env.records.set(SNAPSHOT_RECORD, name, { id, layers: described });
    return before !== undefined || (await lock.waiters()) > 0;
  }
}

/** The directory of a snapshot: other owners, or clamped times, are other files. */
export function snapshotName(id: string, owner: WriteOptions['owner'], epoch?: number): string {
  const plain = id.replaceAll(/[^A-Za-z0-9._-]/g, '-');
  return `${plain}${owner === 'auto' ? '' : `+${owner}`}${epoch === undefined ? '' : `+${epoch}`}`;
}

/** Name of a snapshot among leases and locks, whatever its variant. */
export function snapshotResource(name: string): string {
  return `snapshot-${snapshotName(name.replace(/\+.*$/, ''), 'auto')}`;
}

/** Recorded by this boot, or known to be on the disk. */
function isSettled(header: SnapshotHeader): boolean {
  return header.durable || (header.boot === bootId() && header.boot !== '0');
}

function cloneSpec(spec: Pick<CloneSpec, 'task' | 'from' | 'to'> & Partial<CloneSpec>): CloneSpec {
  return { how: 'copy', trust: true, owner: undefined, opened: ownUid() !== 0, ...spec };
}

function* lines(report: WriteReport): Generator<string> {
  for (const entry of report.entries) yield formatEntry(entry).slice(0, -1);
}

function isClamped(report: WriteReport, epoch: number | undefined): boolean {
  if (epoch === undefined) return false;
  const limit = String(BigInt(epoch) * 1_000_000_000n);
  for (const { mtime } of report.entries) if (mtime === limit) return true;
  return false;
}

/** By what means files get from the store into `dir`. @param sample a file of the store */
async function chooseMeans(sample: string, dir: string, mode: WriteOptions['mode']): Promise<CloneSpec['how']> {
  if (mode === 'hardlink' || mode === 'copy' || mode === 'reflink') return mode;
  const probe = join(dir, `.ctxsrc-probe-${process.pid}`);
  try {
    await copyFile(sample, probe, constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL);
    return 'reflink';
  } catch {
    return 'copy';
  } finally {
    await rm(probe, { force: true });
  }
}

/** A means that was asked for by name and that the file systems do not have. */
function meansError(error: Error, mode: WriteOptions['mode']): Error {
  const code = (error.cause as NodeJS.ErrnoException | undefined)?.code ?? '';
  if (mode === 'hardlink' && code === 'EXDEV') {
    return new CtxsrcError(
      'E_IO',
      'the target is on another file system than the cache, so files cannot be hard-linked',
      {
        hint: 'use --mode copy, or a --cache-dir on the file system of the target',
        cause: error,
      },
    );
  }
  if (mode === 'reflink' && ['ENOTSUP', 'EOPNOTSUPP', 'EXDEV', 'EINVAL', 'ENOTTY', 'ENOSYS'].includes(code)) {
    return new CtxsrcError('E_IO', 'the file system of the target and the cache cannot share blocks (reflink)', {
      hint: 'use --mode copy',
      cause: error,
    });
  }
  return error;
}

/** What a new file in `dir` belongs to; not certain where a directory hands its group down. */
async function ownerOfNewFiles(dir: string): Promise<CloneSpec['owner']> {
  const gid = process.getegid?.();
  if (gid === undefined || ((await lstat(dir)).mode & 0o2000) !== 0) return undefined;
  return { uid: ownUid(), gid };
}

function ownUid(): number {
  return process.geteuid?.() ?? 0;
}

/** An empty directory in the place of one with half a clone in it. */
async function emptied(dir: string): Promise<void> {
  const { mode } = await lstat(dir);
  await removeTree(dir);
  await mkdir(dir);
  await chmod(dir, mode & 0o7777);
}

function noteSharing(job: JobContext, id: string): void {
  job.progress.emit({
    type: 'message',
    level: 'note',
    text: `the files of ${shortDigest(id)} are hard links into the cache: writing to them would change later snapshots`,
    hint: 'treat the directory as read-only; ctxsrc cache verify finds files that were written to',
  });
}
