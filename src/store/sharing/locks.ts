/**
 * Locks between processes, without a lock server and without `flock` (Node has no call for it).
 *
 * Each contender creates a file of its own, `locks/<name>~<owner>`, and then looks for others. Of two contenders, at
 * least the one that looks later sees the other's file, so they never both believe that they are alone; a contender
 * that sees a living other one removes its own file. After a crash, the file of the dead owner is ignored. Removing it
 * cannot race, because no other process ever uses that name. (A single lock file that is broken when its owner is dead
 * cannot be made safe: two processes find it stale, and the slower one removes the lock that the faster one just took.)
 *
 * Waiting processes leave `locks/<name>~w~<owner>`, so that the holder can see that its result is awaited.
 */

import { readFile, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JobContext } from '../../contract/session.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { monotonicMs } from '../../core/monotonic.ts';
import { failureOf, Task } from '../../core/progress.ts';
import { removeFile } from '../../fs/write/remove-file.ts';
import { orAbsent, storeError } from '../failures.ts';
import { namesIn, type StoreDirectory } from '../layout.ts';
import { HEARTBEAT, type Heartbeat, livenessOf, ownedName, ownerOf, ownIdentity, touch } from '../process-identity.ts';

export interface Lock {
  /** How many others, in this process and elsewhere, wait for the lock. */
  waiters(): Promise<number>;
  release(): Promise<void>;
}

export interface LockOptions {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds without any change (of holder or progress) after which waiting fails; default: 15 minutes. */
  readonly timeout?: number | undefined;
  /** Called a few times a second while waiting; returns a number that grows with the holder's progress. */
  readonly onWait?: (() => Promise<number> | number) | undefined;
}

const DEFAULT_TIMEOUT = 15 * 60_000;
const POLL_FIRST = 15;
const POLL_MAX = 120;

/** Where the files of locks lie: below `locks` of the store, or where another owner wants them. */
type LockDirectory = Pick<StoreDirectory, 'ensure' | 'path' | 'step'>;

export class Locks {
  readonly #directory: LockDirectory;
  readonly #heartbeat: Heartbeat;
  readonly #held = new Set<string>();
  /** Contenders within this process queue here, so that only one of them competes with other processes. */
  readonly #queues = new Map<string, { tail: Promise<void>; length: number }>();
  /** When a silent owner's file was first seen with its current mtime. */
  readonly #silentSince = new Map<string, { mtime: number; seen: number }>();
  #timer: NodeJS.Timeout | undefined;

  constructor(directory: LockDirectory, heartbeat: Heartbeat = HEARTBEAT) {
    this.#directory = directory;
    this.#heartbeat = heartbeat;
  }

  /**
   * Waits until this process holds the lock alone.
   * @throws E_LOCK_TIMEOUT naming the holder; an abort error; E_PERMISSION, E_DISK_FULL, E_IO
   */
  async acquire(name: string, options: LockOptions = {}): Promise<Lock> {
    await this.#directory.ensure();
    const queue = this.#queues.get(name) ?? { tail: Promise.resolve(), length: 0 };
    this.#queues.set(name, queue);
    const before = queue.tail;
    let leave = (): void => undefined;
    queue.tail = new Promise((resolve) => {
      leave = resolve;
    });
    queue.length += 1;
    const done = (): void => {
      queue.length -= 1;
      if (queue.length === 0) this.#queues.delete(name);
      leave();
    };
    try {
      await this.#waitInProcess(before, options);
      const path = await this.#contend(name, options);
      let released: Promise<void> | undefined;
      return {
        waiters: async () => queue.length - 1 + (await this.#others(name, 'waiting')).length,
        release: () => {
          released ??= this.#drop(path).finally(done);
          return released;
        },
      };
    } catch (error) {
      // The next one in the queue still waits for those before this one.
      void before.then(done);
      options.signal?.throwIfAborted();
      throw storeError(error, `cannot lock ${name} in the cache`);
    }
  }

  /** True while any process holds the lock. */
  async isHeld(name: string): Promise<boolean> {
    return (await this.#others(name, 'holding')).length > 0;
  }

  /** The locks that are held now. */
  async held(): Promise<LockFile[]> {
    const found: LockFile[] = [];
    for (const file of this.#list()) {
      if (file.role === 'holding' && (await this.#liveness(file)) !== undefined) found.push(file);
    }
    return found;
  }

  /** Removes the files of dead processes. */
  async removeDead(): Promise<void> {
    for (const file of this.#list()) await this.#liveness(file);
  }

  async #waitInProcess(before: Promise<void>, { signal, onWait }: LockOptions): Promise<void> {
    let ready = false;
    const turn = before.then(() => {
      ready = true;
    });
    await Promise.race([turn, Promise.resolve()]);
    while (!ready) {
      signal?.throwIfAborted();
      await onWait?.();
      const poll = new AbortController();
      await Promise.race([turn, sleep(POLL_MAX, undefined, { signal: poll.signal }).catch(() => undefined)]);
      poll.abort();
    }
  }

  async #contend(name: string, { signal, timeout = DEFAULT_TIMEOUT, onWait }: LockOptions): Promise<string> {
    const own = ownedName();
    const path = this.#directory.path('locks', `${name}~${own}`);
    const waitingPath = this.#directory.path('locks', `${name}~w~${own}`);
    let deadline = Date.now() + timeout;
    let state = '';
    let pause = POLL_FIRST;
    try {
      for (;;) {
        signal?.throwIfAborted();
        await this.#take(path);
        let holders = await this.#others(name, 'holding', own);
        if (holders.length === 0) {
          await this.#drop(waitingPath);
          return path;
        }
        await this.#drop(path);
        do {
          if (!this.#held.has(waitingPath)) await this.#take(waitingPath);
          const current = `${holders.map((holder) => holder.owner).join()} ${(await onWait?.()) ?? ''}`;
          if (current !== state) {
            state = current;
            deadline = Date.now() + timeout;
          }
          if (Date.now() >= deadline) throw await this.#timeoutError(name, holders[0]!, timeout);
          await sleep(pause * (0.5 + Math.random()), undefined, signal === undefined ? {} : { signal });
          pause = Math.min(POLL_MAX, pause * 1.5);
          holders = await this.#others(name, 'holding', own);
        } while (holders.length > 0);
        pause = POLL_FIRST;
      }
    } catch (error) {
      await this.#drop(path).catch(() => undefined);
      await this.#drop(waitingPath).catch(() => undefined);
      throw error;
    }
  }

  async #take(path: string): Promise<void> {
    // The name alone is the lock. So there is one on a full disk, too, where it is needed to make room.
    await writeFile(path, hostname(), { flag: 'wx' }).catch((error: NodeJS.ErrnoException) => {
      if ((error.code !== 'ENOSPC' && error.code !== 'EDQUOT') || error.syscall !== 'write') throw error;
    });
    this.#held.add(path);
    this.#directory.step('lock:taken');
    // If a file is gone, another process took this one for dead; that cannot be repaired here.
    this.#timer ??= setInterval(() => void touch(...this.#held), this.#heartbeat.interval).unref();
  }

  async #drop(path: string): Promise<void> {
    if (!this.#held.delete(path)) return;
    if (this.#held.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
    await removeFile(path);
    this.#directory.step('lock:dropped');
  }

  /** Living others. Files of dead owners are removed on the way. */
  async #others(name: string, role: LockFile['role'], own?: string): Promise<LockFile[]> {
    const found: LockFile[] = [];
    for (const file of this.#list()) {
      if (file.name !== name || file.role !== role || file.owner === own) continue;
      if ((await this.#liveness(file)) !== undefined) found.push(file);
    }
    return found;
  }

  #list(): LockFile[] {
    const files: LockFile[] = [];
    for (const file of namesIn(this.#directory.path('locks'))) {
      const match = /^(.+?)~(w~)?([^~]+)$/.exec(file);
      if (match === null) continue;
      files.push({ file, name: match[1]!, role: match[2] === undefined ? 'holding' : 'waiting', owner: match[3]! });
    }
    return files;
  }

  /** The last heartbeat of the owner; undefined if it is dead, and then its file is removed. */
  async #liveness(file: LockFile): Promise<number | undefined> {
    const path = this.#directory.path('locks', file.file);
    const owner = ownerOf(file.owner);
    const mtime = (await stat(path).catch(orAbsent))?.mtimeMs;
    if (mtime === undefined) return undefined;
    const state = owner === undefined ? 'dead' : livenessOf(owner, mtime, this.#heartbeat);
    if (state === 'alive') return mtime;
    if (state === 'silent') {
      // After sleep or a clock step, living owners look silent until their next heartbeat. So an owner is void only if
      // it also stays silent while it is watched for the same time.
      const before = this.#silentSince.get(file.file);
      if (before?.mtime !== mtime) this.#silentSince.set(file.file, { mtime, seen: monotonicMs() });
      const watched = before?.mtime === mtime ? monotonicMs() - before.seen : 0;
      if (watched < this.#heartbeat.interval * 1.2) return mtime;
    }
    this.#silentSince.delete(file.file);
    // Dead it is, even where this user may not remove it.
    await removeFile(path).catch(() => undefined);
    return undefined;
  }

  async #timeoutError(name: string, holder: LockFile, timeout: number): Promise<CtxsrcError> {
    const owner = ownerOf(holder.owner);
    const host = await readFile(this.#directory.path('locks', holder.file), 'utf8').catch(() => '');
    const here = owner?.boot === ownIdentity().boot && owner.namespace === ownIdentity().namespace;
    const who = `process ${owner?.pid}${here ? '' : ` of another container or machine${host === '' ? '' : ` (${host})`}`}`;
    return new CtxsrcError(
      'E_LOCK_TIMEOUT',
      `waited ${Math.round(timeout / 1000)} s for ${name}, which is held by ${who}`,
      {
        hint: 'wait for that process or end it, then run again',
        details: { holder: { pid: owner?.pid, host } },
      },
    );
  }
}

/** Takes a lock, and says while it waits what it waits for. */
export async function acquireAloud(job: JobContext, locks: Locks, name: string, label: string): Promise<Lock> {
  let waiting: Task | undefined;
  const onWait = (): number => {
    waiting ??= new Task(job.progress, 'wait', label);
    return 0;
  };
  try {
    const lock = await locks.acquire(name, { signal: job.signal, onWait });
    waiting?.end();
    return lock;
  } catch (error) {
    waiting?.end(failureOf(job.signal, error));
    throw error;
  }
}

export interface LockFile {
  readonly file: string;
  readonly name: string;
  readonly role: 'holding' | 'waiting';
  readonly owner: string;
}
