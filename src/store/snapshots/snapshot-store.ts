/**
 * The snapshots in the store, one folder each: the files, a list of their entries, and a header with the facts about
 * all of them (`manifest.ts`). One is made under a temporary name and renamed when it is complete; it is checked against
 * its list, cloned into a caller's directory, and removed. `snapshots.ts` decides when, and takes the locks.
 */
import { closeSync, openSync } from 'node:fs';
import { chmod, rename, utimes } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { WriteOptions, WriteReport } from '../../contract/ref.ts';
import type { JobContext } from '../../contract/session.ts';
import { shortDigest } from '../../core/digest.ts';
import { isAbort, localError } from '../../core/errors.ts';
import { failureOf, Task } from '../../core/progress.ts';
import { peekRow, rowsOf } from '../../fs/entry/json-rows.ts';
import { makeDirectory } from '../../fs/write/make-directory.ts';
import { removeFile } from '../../fs/write/remove-file.ts';
import { removeTree } from '../../fs/write/remove-tree.ts';
import { storeError } from '../failures.ts';
import type { StoreDirectory } from '../layout.ts';
import { bootId } from '../process-identity.ts';
import type { Leases } from '../sharing/leases.ts';
import { cloneTree, isDamage, problemOf, restateLines } from './clone.ts';
import { isUnable } from './clone-metadata.ts';
import { cloneSpec, createdIn, emptied, ownUid } from './clone-spec.ts';
import { chooseMethod, methodError, noteSharing } from './copy-method.ts';
import { readLines, reportEntries, reported, storedEntries, writeList } from './entry-list.ts';
import {
  entriesPath,
  FILES,
  headerPath,
  headerText,
  isSettled,
  readHeader,
  reportOf,
  type SnapshotHeader,
} from './manifest.ts';
import { selectEntries } from './select.ts';

/** A usable snapshot of the store. */
interface Stored {
  readonly home: string;
  readonly header: SnapshotHeader;
}

/** Files that become a snapshot. */
interface Filled {
  /** `note`: the files are in place; `keep`: they are copied from `from`. */
  readonly task: 'keep' | 'note';
  readonly from: string;
  readonly lines: Iterable<string>;
  readonly facts: Pick<SnapshotHeader, 'id' | 'losses' | 'lossCounts'>;
  readonly onProgress?: (entries: number) => void;
}

export class SnapshotStore {
  readonly #directory: StoreDirectory;
  readonly #leases: Leases;
  /** Open lists of entries: reports read them until the store is closed, although their snapshots may be collected. */
  readonly #lists: number[] = [];

  constructor(directory: StoreDirectory, leases: Leases) {
    this.#directory = directory;
    this.#leases = leases;
  }

  /** The directory of the files of a snapshot. */
  files(name: string): string {
    return join(this.#home(name), FILES);
  }

  /** The snapshot of this name, if this user wrote it. */
  async load(name: string): Promise<Stored | undefined> {
    const home = this.#home(name);
    const header = await readHeader(home).catch((error: NodeJS.ErrnoException) => {
      // It belongs to another user.
      if (error.code === 'EACCES' || error.code === 'EPERM') return undefined;
      throw storeError(error, `cannot read snapshot ${name} of the cache`);
    });
    return header === undefined || header.uid !== ownUid() ? undefined : { home, header };
  }

  /**
   * Makes a snapshot: `fill` puts the files into a directory and describes them. An existing snapshot of the name is
   * replaced.
   */
  async make(name: string, signal: AbortSignal, fill: (dir: string) => Promise<Filled>): Promise<void> {
    const temporary = this.#directory.temporaryPath();
    try {
      await this.#leases.announce();
      makeDirectory(join(temporary, FILES));
      await chmod(join(temporary, FILES), 0o755);
      await this.#writeList(temporary, await fill(join(temporary, FILES)), signal);
      // An existing one is unusable, or this one would not have been made.
      await this.remove(name);
      await rename(temporary, this.#home(name));
      this.#directory.step('snapshot:renamed');
    } catch (error) {
      await removeTree(temporary);
      throw error;
    }
  }

  /** Syncs the files, so that they need not be hashed again after the next boot. */
  async makeDurable(name: string): Promise<void> {
    const stored = await this.load(name);
    if (stored === undefined || stored.header.durable) return;
    const { syncTree } = await import('./sync-tree.ts');
    await syncTree(join(stored.home, FILES));
    await this.#writeHeader(stored.home, { ...stored.header, durable: true }, 'directory');
  }

  /**
   * Compares the files of a snapshot with its record.
   * @param name of the directory
   * @param all read every byte
   * @returns the problem; undefined if there is none
   */
  async check(job: JobContext, name: string, all: boolean): Promise<string | undefined> {
    const home = this.#home(name);
    const header = await readHeader(home);
    if (header === undefined) return 'its record cannot be read';
    const files = join(home, FILES);
    const trust = !all && isSettled(header);
    const spec = cloneSpec({ task: all ? 'hash' : 'check', from: files, to: files, trust, opened: header.uid !== 0 });
    try {
      const outcome = await cloneTree({
        spec,
        lines: readLines(entriesPath(home, header.entries)),
        signal: job.signal,
        size: header,
      });
      const problem = problemOf(outcome, header.entries);
      if (problem === undefined) await this.#recordChecks({ home, header }, outcome.restated, !trust);
      return problem;
    } catch (error) {
      if (isAbort(error) || job.signal.aborted || !isDamage(error)) throw error;
      return (error as Error).message;
    }
  }

  /** Removes a snapshot from the store. */
  async remove(name: string): Promise<void> {
    const away = this.#directory.temporaryPath();
    try {
      await rename(this.#home(name), away);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw storeError(error, `cannot remove snapshot ${name} from the cache`);
    }
    this.#directory.step('snapshot:removed');
    await removeTree(away);
  }

  async close(): Promise<void> {
    for (const list of this.#lists.splice(0)) closeSync(list);
  }

  #home(name: string): string {
    return this.#directory.path('snapshots', name);
  }

  /** The list of a snapshot's entries; undefined if it is gone. */
  #openList(home: string, header: SnapshotHeader): number | undefined {
    try {
      const list = openSync(entriesPath(home, header.entries), 'r');
      this.#lists.push(list);
      return list;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw storeError(error, `cannot use the cache ${this.#directory.root}`);
    }
  }

  /**
   * Clones a snapshot, or the part that the filter selects, into an empty directory. Undefined, with the directory
   * empty, if that is not possible.
   */
  async clone(
    job: JobContext,
    { home, header }: Stored,
    dir: string,
    options: WriteOptions,
  ): Promise<WriteReport | undefined> {
    const list = this.#openList(home, header);
    if (list === undefined) return undefined;
    const how = await chooseMethod(headerPath(home), dir, options.mode);
    const trust = isSettled(header);
    const chosen = options.filter && selectEntries(storedEntries(list), header, options.filter);
    if (options.filter !== undefined && chosen === undefined) return undefined;
    const spec = cloneSpec({
      task: 'clone',
      from: join(home, FILES, chosen?.subpath ?? ''),
      to: dir,
      how,
      trust,
      epoch: options.epoch,
      created: await createdIn(dir),
    });
    const size = chosen === undefined ? header : { bytes: chosen.facts.bytes, count: chosen.facts.files };
    const label = `files of ${shortDigest(header.id)}`;
    const task = new Task(job.progress, 'copy', label, { total: size.count, unit: 'files' });
    try {
      const outcome = await cloneTree({
        spec,
        lines: chosen === undefined ? readLines(list) : rowsOf(chosen.entries),
        signal: job.signal,
        size,
        onProgress: (entries) => task.advance(entries),
      });
      const problem = problemOf(outcome, chosen === undefined ? header.entries : undefined);
      if (problem === undefined) {
        if (chosen === undefined) await this.#recordChecks({ home, header }, outcome.restated, !trust);
        const now = new Date();
        await utimes(headerPath(home), now, now).catch(() => undefined);
        task.end();
        if (how === 'hardlink') noteSharing(job, header.id);
        if (chosen === undefined) return reportOf(header, reportEntries(list, options.epoch), how);
        return { ...chosen.facts, entries: [...reported(chosen.entries, options.epoch)], via: how };
      }
      task.end('failed');
      await emptied(dir);
      // A snapshot that another process just collected is not damaged.
      if ((await readHeader(home)) !== undefined) await this.discard(job, basename(home), problem);
      return undefined;
    } catch (error) {
      task.end(failureOf(job.signal, error));
      if (isAbort(error) || job.signal.aborted) throw error;
      if (isUnable(error)) {
        await emptied(dir);
        return undefined;
      }
      const isSystemCall = (error as NodeJS.ErrnoException).syscall !== undefined;
      throw isSystemCall ? methodError(localError(error, `cannot write ${dir}`), options.mode) : error;
    }
  }

  /** Removes a damaged snapshot, with a warning. */
  async discard(job: JobContext, name: string, problem: string): Promise<void> {
    await this.remove(name);
    job.progress.emit({
      type: 'message',
      level: 'warning',
      text: `snapshot ${name} in the cache was changed (${problem}) and has been removed`,
      hint: 'files that were hard-linked from the cache must not be written to',
    });
  }

  /** Writes the list and the header of the snapshot in `temporary`. The files are copied or stat'ed on the way. */
  async #writeList(
    temporary: string,
    { task, from, lines, facts, onProgress }: Filled,
    signal: AbortSignal,
  ): Promise<void> {
    const to = join(temporary, FILES);
    const list = join(temporary, 'entries');
    let bytes = 0;
    let files = 0;
    const digest = await writeList(list, async (record) => {
      const how = task === 'keep' ? await chooseMethod(list, from, 'auto') : 'copy';
      const spec = cloneSpec({ task, from, to, how, created: await createdIn(to) });
      const counted = function* (): Generator<string> {
        for (const line of lines) {
          const { type, size } = peekRow(line);
          if (type === 'file') bytes += size;
          files += 1;
          yield line;
        }
      };
      await cloneTree({ spec, lines: counted(), signal, record, onProgress });
    });
    await rename(list, entriesPath(temporary, digest));
    const { id, losses, lossCounts } = facts;
    const total = { files, bytes, count: files, losses, lossCounts, entries: digest };
    await this.#writeHeader(temporary, { id, uid: ownUid(), boot: bootId(), durable: false, ...total }, 'no');
    this.#directory.step('snapshot:made');
  }

  async #writeHeader(home: string, header: SnapshotHeader, sync: 'no' | 'directory'): Promise<void> {
    await this.#directory.replaceFile(headerPath(home), headerText(header), sync);
  }

  /** Records corrected lines, and that all files were hashed in this boot. */
  async #recordChecks({ home, header }: Stored, restated: ReadonlyMap<number, string>, hashed: boolean): Promise<void> {
    if (restated.size === 0 && (!hashed || header.durable)) return;
    try {
      let { entries } = header;
      if (restated.size > 0) {
        const temporary = this.#directory.temporaryPath();
        entries = await writeList(temporary, (append) => {
          for (const text of restateLines(readLines(entriesPath(home, header.entries)), restated)) append(text);
        });
        await rename(temporary, entriesPath(home, entries));
      }
      await this.#writeHeader(home, { ...header, entries, durable: header.durable || hashed, boot: bootId() }, 'no');
      if (entries !== header.entries) await removeFile(entriesPath(home, header.entries));
    } catch {
      // A store that cannot be written costs time: the next run checks the files again.
    }
  }
}
