/**
 * Leases: the items that a running process uses, as empty files `leases/<owner>/<resource>`, or as lines of one file
 * there if it uses them to its end. Collection never removes an item that a living process leases; it removes the leases
 * of dead processes.
 *
 * There is a race: a collector lists the leases; a process takes a lease and finds its blob; the collector removes the
 * blob. Therefore a process first takes a lease and then looks for a collector's lock. The collector takes its lock
 * before it lists the leases, so either the collector sees the lease, or the process sees the lock and waits until it
 * is released. Only then does the process check that the blob exists.
 */
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { removeFile } from '../../fs/write/remove-file.ts';
import { orAbsent, storeError } from '../failures.ts';
import { namesIn, type StoreDirectory } from '../layout.ts';
import {
  HEARTBEAT,
  type Heartbeat,
  type Identity,
  livenessOf,
  ownedName,
  ownerOf,
  touch,
} from '../process-identity.ts';
import type { Locks } from './locks.ts';

/** Held while content is removed. */
export const COLLECT_LOCK = 'collect';

const COLLECTOR_POLL = 20;

/** The file of what is leased to the end, a resource a line: an image has many layers. */
const LIST = 'list';

export class Leases {
  readonly #directory: StoreDirectory;
  readonly #locks: Locks;
  readonly #heartbeat: Heartbeat;
  readonly #held = new Map<string, { count: number; taken: Promise<boolean> }>();
  #ownName: string | undefined;
  /** What waits until no collector is at work, for all that was leased before it looks. */
  #unwatched: Promise<void> | undefined;
  #home: Promise<boolean> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(directory: StoreDirectory, locks: Locks, heartbeat: Heartbeat = HEARTBEAT) {
    this.#directory = directory;
    this.#locks = locks;
    this.#heartbeat = heartbeat;
  }

  get #name(): string {
    this.#ownName ??= ownedName();
    return this.#ownName;
  }

  /**
   * Leases a resource until `drop` was called as often, or until `close`.
   * @returns false if there is no store yet, or it is not writable: then no collector can work there either
   */
  async hold(resource: string): Promise<boolean> {
    let held = this.#held.get(resource);
    if (held === undefined) {
      const write = (): void => writeFileSync(this.#directory.path('leases', this.#name, resource), '');
      held = { count: 0, taken: this.#take(write) };
      this.#held.set(resource, held);
    }
    held.count += 1;
    try {
      const taken = await held.taken;
      if (!taken) this.#held.delete(resource);
      return taken;
    } catch (error) {
      this.#held.delete(resource);
      throw storeError(error, `cannot lease ${resource} in the cache`);
    }
  }

  /** Leases a resource until `close`. Returns as `hold`. */
  async keep(resource: string): Promise<boolean> {
    try {
      // Opened by name each time: who took this process for dead has removed the list, and that has to be noticed. The
      // newline comes first, so that a line that a full disk has cut spoils no other.
      return await this.#take(() => appendFileSync(this.#directory.path('leases', this.#name, LIST), `\n${resource}`));
    } catch (error) {
      throw storeError(error, `cannot lease ${resource} in the cache`);
    }
  }

  async drop(resource: string): Promise<void> {
    const held = this.#held.get(resource);
    if (held === undefined) return;
    held.count -= 1;
    if (held.count > 0) return;
    this.#held.delete(resource);
    await removeFile(this.#directory.path('leases', this.#name, resource));
  }

  /** Registers this process as alive, which protects its temporary directories. */
  async announce(): Promise<void> {
    this.#home ??= this.#makeHome();
    await this.#home;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#held.clear();
    if (this.#home !== undefined && (await this.#home)) {
      await rm(this.#directory.path('leases', this.#name), { recursive: true, force: true });
    }
    this.#home = undefined;
  }

  /** Removes the leases and temporary files of dead processes. */
  async removeDead(): Promise<void> {
    const living = (await this.living()).map(({ owner }) => owner);
    for (const name of namesIn(this.#directory.path('tmp'))) {
      const owner = ownerOf(name);
      if (owner !== undefined && living.some((other) => isSame(owner, other))) continue;
      if (await this.#isLiving(owner, this.#directory.path('tmp', name))) continue;
      const { removeTree } = await import('../../fs/write/remove-tree.ts');
      await removeTree(this.#directory.path('tmp', name));
    }
  }

  /** The running processes, with what they lease. The leases of dead processes are removed on the way. */
  async living(): Promise<{ owner: Identity; resources: readonly string[] }[]> {
    const living: { owner: Identity; resources: readonly string[] }[] = [];
    for (const name of namesIn(this.#directory.path('leases'))) {
      const path = this.#directory.path('leases', name);
      const owner = ownerOf(name);
      if (owner !== undefined && (await this.#isLiving(owner, path))) living.push({ owner, resources: leasedIn(path) });
      // Dead it is, even where this user may not remove it.
      else await rm(path, { recursive: true, force: true }).catch(() => undefined);
    }
    return living;
  }

  async #isLiving(owner: Identity | undefined, path: string): Promise<boolean> {
    if (owner === undefined) return false;
    const found = await stat(path).catch(orAbsent);
    return found !== undefined && livenessOf(owner, found.mtimeMs, this.#heartbeat) === 'alive';
  }

  /** @param write synchronous, so that all that is leased at once is written before anyone looks for a collector */
  async #take(write: () => void): Promise<boolean> {
    this.#home ??= this.#makeHome();
    if (!(await this.#home)) return false;
    write();
    this.#directory.step('lease:taken');
    this.#unwatched ??= this.#noCollector();
    await this.#unwatched;
    return true;
  }

  async #noCollector(): Promise<void> {
    await Promise.resolve();
    // Who leases from here on has to look again.
    this.#unwatched = undefined;
    while (await this.#locks.isHeld(COLLECT_LOCK)) await sleep(COLLECTOR_POLL);
  }

  async #makeHome(): Promise<boolean> {
    const home = this.#directory.path('leases', this.#name);
    try {
      await mkdir(home);
    } catch (error) {
      if (['ENOENT', 'EACCES', 'EROFS', 'EPERM', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) {
        // A later lease tries again: the store may exist by then.
        this.#home = undefined;
        return false;
      }
      throw error;
    }
    this.#timer = setInterval(() => void touch(home), this.#heartbeat.interval).unref();
    return true;
  }
}

/** What the folder of a process names. */
function leasedIn(path: string): string[] {
  return namesIn(path).flatMap((name) => (name === LIST ? linesOf(join(path, LIST)) : name));
}

function linesOf(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function isSame(a: Identity, b: Identity): boolean {
  return a.pid === b.pid && a.start === b.start && a.namespace === b.namespace && a.boot === b.boot;
}
