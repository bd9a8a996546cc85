/**
 * Collection: mark (items that images and records refer to, or that are leased) and sweep. The collector holds a lock
 * that every process looks for when it takes a new lease (see `leases.ts`), so an unleased item stays unleased until
 * the sweep ends.
 */

import { rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { JobContext } from '../../contract/session.ts';
import type { PruneOptions, PruneReport, SizeCount, StoreItem, StoreUsage } from '../../contract/store.ts';
import type { Digest } from '../../core/digest.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { Task } from '../../core/progress.ts';
import { removeTree } from '../../fs/write/remove-tree.ts';
import { blobResource } from '../blobs/blobs.ts';
import { storeError } from '../layout.ts';
import { COLLECT_LOCK } from '../sharing/leases.ts';
import type { SnapshotStore } from '../snapshots/snapshot-store.ts';
import { type Inventory, type InventoryEnv, type InventoryItem, takeInventory } from './inventory.ts';

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
  const matches = parseFilters(options.filter ?? []);
  if (options.dryRun === true) return report(plan(await takeInventory(env), options, matches));
  return Task.run(job, 'collect', 'cache', async () => {
    const lock = await env.locks.acquire(COLLECT_LOCK, { signal: job.signal });
    try {
      await env.leases.removeDead();
      const planned = plan(await takeInventory(env), options, matches);
      await sweep(job, env, planned);
      return report(planned);
    } catch (error) {
      throw storeError(error, `cannot collect in the cache ${env.directory.root}`);
    } finally {
      await lock.release();
    }
  });
}

interface Plan {
  readonly removed: readonly InventoryItem[];
  /** Blobs to remove: unreferenced ones, and those that only removed images refer to. */
  readonly blobs: ReadonlyMap<Digest, string>;
  readonly freed: number;
  readonly remaining: number;
}

function plan(inventory: Inventory, options: PruneOptions, matches: (item: StoreItem) => boolean): Plan {
  const holders = countHolders(inventory);
  const removed: InventoryItem[] = [];
  const blobs = new Map<Digest, string>();
  let total = totalOf(inventory);
  const before = total;
  const take = (item: InventoryItem): void => {
    removed.push(item);
    if (item.image === undefined) {
      total -= item.size;
      if (item.kind === 'blob') blobs.set(item.digest!, item.path);
      return;
    }
    for (const digest of item.image.graph.blobs) {
      const left = (holders.get(digest) ?? 1) - 1;
      holders.set(digest, left);
      const blob = inventory.blobs.get(digest);
      if (left > 0 || blob === undefined || inventory.leases.has(blobResource(digest))) continue;
      blobs.set(digest, blob.path);
      total -= blob.size;
    }
  };
  const candidates = inventory.items.filter((item) => !item.leased && matches(item)).sort(leastRecentFirst);
  const { maxSize, keepDuration, all } = options;
  const oldest = keepDuration === undefined ? Number.POSITIVE_INFINITY : Date.now() - keepDuration;
  const byRule = all === true || keepDuration !== undefined;
  for (const item of candidates) {
    const goes = byRule ? item.lastUsed < oldest : maxSize === undefined && !item.referenced;
    if (goes) take(item);
  }
  if (maxSize !== undefined) {
    const taken = new Set(removed);
    for (const item of candidates) {
      if (total <= maxSize) break;
      if (!taken.has(item)) take(item);
    }
  }
  return { removed, blobs, freed: before - total, remaining: total };
}

/** The number of images that refer to each blob. */
function countHolders({ items }: Inventory): Map<Digest, number> {
  const holders = new Map<Digest, number>();
  for (const { image } of items) {
    for (const digest of image?.graph.blobs ?? []) holders.set(digest, (holders.get(digest) ?? 0) + 1);
  }
  return holders;
}

/** Bytes of everything except running processes' files in `tmp`; content that images share is counted once. */
function totalOf({ items, blobs }: Inventory): number {
  return bytesOf([...blobs.values(), ...items.filter(({ kind }) => kind !== 'image' && kind !== 'blob')]);
}

function bytesOf(items: readonly { readonly size: number }[]): number {
  return items.reduce((bytes, { size }) => bytes + size, 0);
}

function leastRecentFirst(a: StoreItem, b: StoreItem): number {
  return a.lastUsed - b.lastUsed || (a.id < b.id ? -1 : 1);
}

async function sweep(job: JobContext, env: PruneEnv, { removed, blobs }: Plan): Promise<void> {
  const names = new Set(removed.filter(({ kind }) => kind === 'image').map(({ id }) => id));
  if (names.size > 0) {
    // Names are removed before their blobs: after a crash in between, nothing refers to a missing blob.
    await env.index.remove(names);
    env.directory.step('prune:index');
  }
  let number = 0;
  for (const path of blobs.values()) {
    rmSync(path, { force: true });
    number += 1;
    if (number % BATCH !== 0) continue;
    env.directory.step('prune:blobs');
    await setImmediate();
    job.signal.throwIfAborted();
  }
  for (const { kind, path } of removed) {
    job.signal.throwIfAborted();
    if (kind === 'snapshot') await env.snapshotStore.remove(basename(path));
    else if (kind === 'workspace') await removeTree(path);
    else if (kind === 'record' || kind === 'partial' || kind === 'stat-cache') await rm(path, { force: true });
  }
}

function report({ removed, freed, remaining }: Plan): PruneReport {
  return { removed: removed.map(publicItem), freed, remaining };
}

/** An item in the contract's form. */
function publicItem({ kind, id, digest, size, lastUsed, leased, referenced }: InventoryItem): StoreItem {
  return { kind, id, ...(digest === undefined ? {} : { digest }), size, lastUsed, leased, referenced };
}

/** `StoreAdmin.list` of the contract. */
export async function list(env: InventoryEnv): Promise<readonly StoreItem[]> {
  const { items } = await takeInventory(env);
  return items.map(publicItem).sort((a, b) => b.lastUsed - a.lastUsed);
}

/** `StoreAdmin.usage` of the contract. */
export async function usage(env: InventoryEnv): Promise<StoreUsage> {
  const inventory = await takeInventory(env);
  const sum = (kinds: readonly StoreItem['kind'][]): SizeCount => {
    const items = inventory.items.filter(({ kind }) => kinds.includes(kind));
    return { bytes: bytesOf(items), count: items.length };
  };
  const blobs = { bytes: bytesOf([...inventory.blobs.values()]), count: inventory.blobs.size };
  const [snapshots, records] = [sum(['snapshot']), sum(['record', 'stat-cache'])];
  const temporary = add(sum(['partial', 'workspace']), inventory.temporary);
  const total = [blobs, snapshots, records, temporary].reduce(add);
  const { freed } = plan(inventory, {}, () => true);
  return { blobs, snapshots, records, temporary, total, reclaimable: freed };
}

function add(a: SizeCount, b: SizeCount): SizeCount {
  return { bytes: a.bytes + b.bytes, count: a.count + b.count };
}

const FILTER_NAMES = ['kind', 'id', 'digest'] as const;

/** `NAME=VALUE`, `NAME!=VALUE` or `NAME~=REGULAR EXPRESSION`; all have to match. */
function parseFilters(filters: readonly string[]): (item: StoreItem) => boolean {
  const tests = filters.map((filter) => {
    const match = /^([a-z]+)(!=|~=|=)(.*)$/s.exec(filter);
    const name = FILTER_NAMES.find((candidate) => candidate === match?.[1]);
    if (match === null || name === undefined) {
      throw new CtxsrcError('E_USAGE', `filter ${JSON.stringify(filter)} is not understood`, {
        hint: 'write kind=snapshot, id=NAME or id~=REGEX; names are kind, id and digest',
      });
    }
    const [, , operator, value = ''] = match;
    if (operator === '~=') {
      const pattern = regularExpression(value, filter);
      return (item: StoreItem) => pattern.test(item[name] ?? '');
    }
    return (item: StoreItem) => (item[name] === value) === (operator === '=');
  });
  return (item) => tests.every((test) => test(item));
}

function regularExpression(text: string, filter: string): RegExp {
  try {
    return new RegExp(text);
  } catch (error) {
    throw new CtxsrcError('E_USAGE', `filter ${JSON.stringify(filter)} has no valid regular expression`, {
      cause: error,
    });
  }
}
