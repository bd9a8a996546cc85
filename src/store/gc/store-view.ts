/** What lies in the store at one moment, before anything is measured: blobs, records, images, and who uses what. */
import { lstatSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { type Digest, isDigest } from '../../core/digest.ts';
import type { Descriptor } from '../../oci/types.ts';
import { damaged, type Problem, readDocument } from '../document.ts';
import { type IndexFile, imageName } from '../index-file.ts';
import { namesIn, type StoreDirectory } from '../layout.ts';
import { parseRecord } from '../records.ts';
import type { Leases } from '../sharing/leases.ts';
import type { Locks } from '../sharing/locks.ts';
import { findUsers, type Users } from '../sharing/users.ts';
import { SNAPSHOT_RECORD } from '../snapshots/snapshots.ts';
import { type ImageGraph, imageGraph } from './image-graph.ts';

/**
 * Records of this kind name what a run is making outside the store, by the path prefix of its files. They are removed
 * when the run is done, or after its leftovers were removed; never to free space.
 */
export const UNFINISHED_RECORD = 'unfinished';

export interface InventoryEnv {
  readonly directory: StoreDirectory;
  readonly locks: Locks;
  readonly leases: Leases;
  readonly index: IndexFile;
}

export interface StoreView {
  readonly directory: StoreDirectory;
  /** All blobs that exist, whether images refer to them or not. */
  readonly blobs: ReadonlyMap<Digest, { readonly lastUsed: number; readonly path: string }>;
  readonly records: readonly ListedRecord[];
  readonly images: readonly ListedImage[];
  readonly users: Users;
  /** What is wrong with the list of images. */
  readonly problem: Problem | undefined;
  /** What refers to others cannot all be read, so that nobody can say what is not needed. */
  readonly unsure: boolean;
}

interface ListedRecord {
  readonly kind: string;
  readonly key: string;
  readonly value: unknown;
  readonly text: string;
  /** Digests that the record refers to. */
  readonly digests: readonly string[];
  readonly lastUsed: number;
  readonly path: string;
  readonly problem?: Problem | undefined;
}

export interface ListedImage {
  readonly name: string;
  readonly descriptor: Descriptor;
  readonly graph: ImageGraph;
}

/** Files read between two turns of the event loop. */
const BATCH = 500;

/** Reads the store. Items that appear or vanish meanwhile may be missing or included. */
export async function readView({ directory, locks, leases, index }: InventoryEnv): Promise<StoreView> {
  // Before everything else: a process that takes a lease later checks afterwards whether the item still exists.
  const users = await findUsers(directory, leases, locks);
  const blobs = await listBlobs(directory);
  const records = await listRecords(directory);
  const images: ListedImage[] = [];
  const listed = index.look();
  for (const descriptor of listed.images) {
    const pathOf = (blob: Digest): string => directory.path('blobs', ...blob.split(':'));
    const graph = await imageGraph(descriptor, (blob) => blobs.get(blob)?.size, pathOf);
    images.push({ name: imageName(descriptor), descriptor, graph });
  }
  return {
    directory,
    blobs,
    records,
    images,
    users,
    problem: listed.problem,
    unsure:
      listed.problem !== undefined ||
      images.some(({ graph }) => graph.problem !== undefined) ||
      records.some(({ problem }) => problem?.unread),
  };
}

async function listBlobs(
  directory: StoreDirectory,
): Promise<Map<Digest, { size: number; lastUsed: number; path: string }>> {
  const blobs = new Map<Digest, { size: number; lastUsed: number; path: string }>();
  let looked = 0;
  for (const algorithm of namesIn(directory.path('blobs'))) {
    for (const hex of namesIn(directory.path('blobs', algorithm))) {
      looked += 1;
      if (looked % BATCH === 0) await setImmediate();
      const digest = `${algorithm}:${hex}`;
      const path = directory.path('blobs', algorithm, hex);
      const found = lstatSync(path, { throwIfNoEntry: false });
      if (found?.isFile() && isDigest(digest)) blobs.set(digest, { size: found.size, lastUsed: found.mtimeMs, path });
    }
  }
  return blobs;
}

async function listRecords(directory: StoreDirectory): Promise<ListedRecord[]> {
  const records: ListedRecord[] = [];
  for (const kind of namesIn(directory.path('records'))) {
    for (const name of namesIn(directory.path('records', kind))) {
      if (records.length % BATCH === 0) await setImmediate();
      const path = directory.path('records', kind, name);
      const found = readDocument(path);
      if (found === undefined) continue;
      const text = 'text' in found ? found.text : '';
      // A request for an ID is no reason to keep anything.
      const digests = kind === SNAPSHOT_RECORD ? [] : (text.match(/sha(?:256|384|512):[0-9a-f]{64,128}/g) ?? []);
      const record = parseRecord(text);
      const { key, value } = record ?? { key: name, value: undefined };
      const problem = 'problem' in found ? found : record === undefined ? damaged('is no record') : undefined;
      records.push({ kind, key, value, text, digests, lastUsed: mtimeOf(path), path, problem });
    }
  }
  return records;
}

/** When a file was last changed, which is when it was last used; 0 if it is gone. */
export function mtimeOf(path: string): number {
  return lstatSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
