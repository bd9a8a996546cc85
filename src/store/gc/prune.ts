/**
 * Collection: mark (items that images and records refer to, or that are leased) and sweep. The collector holds a lock
 * that every process looks for when it takes a new lease (see `leases.ts`), so an unleased item stays unleased until
 * the sweep ends.
 */

import { rmSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import type { JobContext } from '../../contract/session.ts';
import type { KeptReason, PruneOptions, PruneReport, StoreItem, UsageReport } from '../../contract/store.ts';
import type { Digest } from '../../core/digest.ts';
import { isCtxsrcError } from '../../core/errors.ts';
import { Task } from '../../core/progress.ts';
import { blobResource } from '../blobs/blobs.ts';
import { storeError } from '../failures.ts';
import { COLLECT_LOCK } from '../sharing/leases.ts';
import type { SnapshotStore } from '../snapshots/snapshot-store.ts';
import { diskTotal, type SharedBytes } from './disk.ts';
import { parseFilters } from './filters.ts';
import { type Inventory, type InventoryItem, takeInventory } from './inventory.ts';
import { removeItem } from './kinds.ts';
import type { InventoryEnv } from './store-view.ts';
import { rowsOf, usageReport } from './usage.ts';

export interface PruneEnv extends InventoryEnv {
  readonly snapshotStore: SnapshotStore;
}

/** Files removed between two turns of the event loop. */
const BATCH = 200;

/**
 * `StoreAdmin.prune` of the contract.
 * @throws E_USAGE for an invalid filter, E_LOCK_TIMEOUT, E_PERMISSION, E_IO
 */
export async function prune(job: JobContext, env: PruneEnv, options: PruneOptions = {}): Promise<PruneReport> {
  const matches = parseFilters(options.filter);
  if (options.dryRun === true) {
    const planned = await orStoreError(env, async () => plan(await takeInventory(env), options, matches));
    return report(planned, planned.inventory.total - planned.gone);
  }
  if (options.estimate === true && options.maxSize !== undefined) {
    const { total } = await takeInventory(env, true);
    if (total <= options.maxSize) return { removed: [], rows: [], shared: [], kept: [], freed: 0, remaining: total };
  }
  return Task.run(job, 'collect', 'cache', async () => {
    const lock = await env.locks.acquire(COLLECT_LOCK, { signal: job.signal });
    let planned: Plan;
    try {
      planned = await orStoreError(
        env,
        async () => {
          await env.leases.removeDead();
          const found = plan(await takeInventory(env), options, matches);
          await sweep(job, env, found);
          return found;
        },
        'collect in',
      );
    } finally {
      await lock.release();
    }
    return report(planned, await diskTotal(env.directory.root));
  });
}

async function orStoreError<T>(env: InventoryEnv, work: () => Promise<T>, what = 'read'): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw storeError(error, `cannot ${what} the cache ${env.directory.root}`);
  }
}

function report({ inventory, removed, kept, freed }: Plan, remaining: number): PruneReport {
  const gone = new Set(removed);
  // Bytes that something else keeps do not come back, and are not told of.
  const shared = inventory.shared.filter(
    ({ items, also }) => also === undefined && [...items].every((item) => gone.has(item)),
  );
  return { removed: removed.map(publicItem), ...rowsOf(removed, shared), kept, freed, remaining };
}

interface Plan {
  readonly inventory: Inventory;
  readonly removed: readonly InventoryItem[];
  /** Blobs to remove: unreferenced ones, and those that only removed images refer to. */
  readonly blobs: ReadonlyMap<Digest, string>;
  readonly kept: PruneReport['kept'];
  /** Bytes that come back. */
  readonly freed: number;
  /** Bytes that leave the store: also those that links outside it keep. */
  readonly gone: number;
}

function plan(inventory: Inventory, options: PruneOptions, matches: (item: StoreItem) => boolean): Plan {
  const removed = new Set<InventoryItem>();
  const freeing = new Freeing(inventory.shared);
  const candidates = inventory.items.filter((item) => !item.leased && matches(item)).sort(leastRecentFirst);
  const { maxSize, keepDuration, all } = options;
  const oldest = keepDuration === undefined ? Number.POSITIVE_INFINITY : Date.now() - keepDuration;
  const byRule = all === true || keepDuration !== undefined;
  const isRecent = (item: InventoryItem): boolean => item.lastUsed >= oldest;
  // With both, what is old goes only until the rest fits.
  const isBoth = keepDuration !== undefined && maxSize !== undefined;
  for (const item of candidates) {
    const goes = byRule ? !isRecent(item) && !isBoth : maxSize === undefined && !item.referenced;
    if (!goes) continue;
    removed.add(item);
    freeing.take(item);
  }
  if (maxSize !== undefined) {
    for (const item of candidates) {
      if (inventory.total - freeing.gone <= maxSize) break;
      if (removed.has(item) || isRecent(item)) continue;
      removed.add(item);
      freeing.take(item);
    }
  }
  const whyKept = (item: InventoryItem): KeptReason => {
    if (item.inUse.length > 0) return 'in use';
    if (item.leased) return item.problem === undefined || item.kind === 'store' ? 'needed' : 'unread';
    if (!matches(item)) return 'filtered';
    if (maxSize !== undefined) return isRecent(item) ? 'recent' : 'fits';
    return byRule ? 'recent' : 'referenced';
  };
  const kept = keptRows(
    inventory.items.filter((item) => !removed.has(item)),
    inventory.shared,
    whyKept,
  );
  const { freed, gone } = freeing;
  return { inventory, removed: [...removed], blobs: blobsOf(removed, inventory), kept, freed, gone };
}

/** What comes back as one item after the other goes. */
class Freeing {
  freed = 0;
  gone = 0;
  readonly #sharedOf = new Map<InventoryItem, SharedBytes<InventoryItem>[]>();
  readonly #left = new Map<SharedBytes<InventoryItem>, number>();

  constructor(shared: Inventory['shared']) {
    for (const group of shared) {
      this.#left.set(group, group.items.size);
      for (const item of group.items) this.#sharedOf.set(item, [...(this.#sharedOf.get(item) ?? []), group]);
    }
  }

  take(item: InventoryItem): void {
    this.freed += item.own;
    this.gone += item.own;
    for (const group of this.#sharedOf.get(item) ?? []) {
      const left = this.#left.get(group)! - 1;
      this.#left.set(group, left);
      if (left > 0 || group.also === 'a running process') continue;
      this.gone += group.bytes;
      if (group.also === undefined) this.freed += group.bytes;
    }
  }
}

function keptRows(
  items: readonly InventoryItem[],
  shared: Inventory['shared'],
  whyKept: (item: InventoryItem) => KeptReason,
): PruneReport['kept'] {
  const byReason = new Map<KeptReason, InventoryItem[]>();
  for (const item of items) {
    const why = whyKept(item);
    byReason.set(why, [...(byReason.get(why) ?? []), item]);
  }
  return [...byReason].flatMap(([why, of]) => rowsOf(of, shared).rows.map((row) => ({ ...row, why })));
}

/** The blobs that go with the items: a blob of an image when no image is left that has it, and no process uses it. */
function blobsOf(removed: ReadonlySet<InventoryItem>, { items, view }: Inventory): Map<Digest, string> {
  const stay = new Set(items.flatMap((item) => (removed.has(item) ? [] : [...(item.image?.graph.blobs ?? [])])));
  const blobs = new Map<Digest, string>();
  for (const { image, digest, kind } of removed) {
    for (const blob of image?.graph.blobs ?? (kind === 'blob' ? [digest!] : [])) {
      const path = view.blobs.get(blob)?.path;
      if (path === undefined || stay.has(blob) || view.users.of(blobResource(blob)).length > 0) continue;
      blobs.set(blob, path);
    }
  }
  return blobs;
}

function leastRecentFirst(a: StoreItem, b: StoreItem): number {
  return a.lastUsed - b.lastUsed || (a.id < b.id ? -1 : 1);
}

async function sweep(job: JobContext, env: PruneEnv, { removed, blobs }: Plan): Promise<void> {
  const names = new Set(removed.filter(({ kind }) => kind === 'image').map(({ id }) => id));
  const removeNames = async (): Promise<void> => {
    if (names.size === 0) return;
    await env.index.remove(names);
    env.directory.step('prune:index');
  };
  // Names are removed before their blobs: after a crash in between, nothing refers to a missing blob. Only on a full
  // disk, where the list cannot be written anew, the blobs go first; a name without its blobs is asked for again.
  let isFull = false;
  await removeNames().catch((error: unknown) => {
    isFull = isCtxsrcError(error, 'E_DISK_FULL');
    if (!isFull) throw error;
  });
  let number = 0;
  for (const path of blobs.values()) {
    rmSync(path, { force: true });
    number += 1;
    if (number % BATCH !== 0) continue;
    env.directory.step('prune:blobs');
    await setImmediate();
    job.signal.throwIfAborted();
  }
  for (const item of removed) {
    job.signal.throwIfAborted();
    await removeItem(item, env.snapshotStore);
  }
  if (isFull) await removeNames();
}

/** An item in the contract's form. */
function publicItem(item: InventoryItem): StoreItem {
  const { kind, id, name, digest, size, own, shared, length, lastUsed, leased, inUse, referenced, problem } = item;
  const measured = { size, own, shared, length, lastUsed, leased, inUse, referenced };
  const known = { ...(digest === undefined ? {} : { digest }), ...(problem === undefined ? {} : { problem }) };
  return { kind, id, name, ...known, ...measured };
}

/** `StoreAdmin.list` of the contract. */
export async function list(env: InventoryEnv, filter?: readonly string[]): Promise<readonly StoreItem[]> {
  const matches = parseFilters(filter);
  const { items } = await orStoreError(env, () => takeInventory(env));
  return items
    .filter(matches)
    .map(publicItem)
    .sort((a, b) => b.lastUsed - a.lastUsed);
}

/** `StoreAdmin.usage` of the contract. */
export async function usage(env: InventoryEnv, filter?: readonly string[]): Promise<UsageReport> {
  const matches = parseFilters(filter);
  const inventory = await orStoreError(env, () => takeInventory(env));
  return usageReport(inventory, matches, plan(inventory, {}, () => true).freed);
}
