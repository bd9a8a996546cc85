/** The content of the store at one moment, with its references and users: the basis of `cache ls`, `du` and `prune`. */
import { type Dirent, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { StoreItem } from '../../contract/store.ts';
import { type Digest, isDigest } from '../../core/digest.ts';
import type { Descriptor } from '../../oci/types.ts';
import { blobResource } from '../blobs/blobs.ts';
import { type IndexFile, imageName } from '../index-file.ts';
import { namesIn, orAbsent, type StoreDirectory } from '../layout.ts';
import { parseRecord } from '../records.ts';
import type { Leases } from '../sharing/leases.ts';
import type { Locks } from '../sharing/locks.ts';
import { entriesPath, headerPath, readHeader } from '../snapshots/manifest.ts';
import { SNAPSHOT_RECORD, snapshotResource } from '../snapshots/snapshots.ts';
import { workspaceResource } from '../workspaces.ts';
import { type ImageGraph, imageGraph } from './image-graph.ts';

/**
 * Records of this kind name what a run is making outside the store, by the path prefix of its files. They are removed
 * when the run is done, or after its leftovers were removed; never to free space.
 */
export const UNFINISHED_RECORD = 'unfinished';

/** An item, with what is needed to remove it. */
export interface InventoryItem extends StoreItem {
  /** Its file or directory; for an image, the blob of its root. */
  readonly path: string;
  /** Only for images. */
  readonly image?: { readonly descriptor: Descriptor; readonly graph: ImageGraph } | undefined;
}

export interface Inventory {
  readonly items: readonly InventoryItem[];
  /** All blobs that exist, whether images refer to them or not. */
  readonly blobs: ReadonlyMap<Digest, { readonly size: number; readonly lastUsed: number; readonly path: string }>;
  readonly leases: ReadonlySet<string>;
  /** Files in `tmp`: bytes and number. */
  readonly temporary: { readonly bytes: number; readonly count: number };
}

export interface InventoryEnv {
  readonly directory: StoreDirectory;
  readonly locks: Locks;
  readonly leases: Leases;
  readonly index: IndexFile;
}

/** Files read between two turns of the event loop. */
const BATCH = 500;

/** Reads the store. Items that appear or vanish meanwhile may be missing or included. */
export async function takeInventory({ directory, locks, leases, index }: InventoryEnv): Promise<Inventory> {
  // Leases are read first: a process that takes a lease later checks afterwards whether the item still exists.
  const leased = await leases.resources();
  const held = await locks.heldNames();
  const blobs = await listBlobs(directory);
  const items: InventoryItem[] = [];

  const records = await listRecords(directory);
  const recorded = new Set(records.flatMap(({ digests }) => digests));
  const chains = new Set<string>();
  const inImages = new Set<Digest>();
  for (const descriptor of await index.images()) {
    const { digest } = descriptor;
    const pathOf = (blob: Digest): string => directory.path('blobs', ...blob.split(':'));
    const graph = await imageGraph(descriptor, (blob) => blobs.get(blob)?.size, pathOf);
    for (const id of graph.chainIds) chains.add(id);
    for (const blob of graph.blobs) inImages.add(blob);
    items.push({
      kind: 'image',
      id: imageName(descriptor),
      digest,
      size: [...graph.blobs].reduce((sum, blob) => sum + (blobs.get(blob)?.size ?? 0), 0),
      lastUsed: blobs.get(digest)?.lastUsed ?? 0,
      leased: leased.has(blobResource(digest)),
      referenced: true,
      path: pathOf(digest),
      image: { descriptor, graph },
    });
  }
  for (const [digest, { size, lastUsed, path }] of blobs) {
    if (inImages.has(digest)) continue;
    const resource = blobResource(digest);
    const use = { leased: leased.has(resource), referenced: recorded.has(digest) };
    items.push({ kind: 'blob', id: digest, digest, size, lastUsed, path, ...use });
  }
  for (const name of namesIn(directory.path('snapshots'))) {
    const path = directory.path('snapshots', name);
    const header = await readHeader(path);
    const id = header?.id ?? name;
    items.push({
      kind: 'snapshot',
      id,
      size: header === undefined ? treeSize(path).bytes : header.bytes + sizeOf(entriesPath(path, header.entries)),
      lastUsed: mtimeOf(headerPath(path)),
      leased: leased.has(snapshotResource(name)),
      referenced:
        chains.has(id) ||
        recorded.has(id) ||
        records.some(({ kind, text }) => kind !== SNAPSHOT_RECORD && text.includes(JSON.stringify(id))),
      path,
    });
  }
  for (const { kind, key, size, lastUsed, path } of records) {
    const leased = kind === UNFINISHED_RECORD;
    items.push({ kind: 'record', id: `${kind} ${key}`, size, lastUsed, path, leased, referenced: true });
  }
  for (const name of namesIn(directory.path('ingest'))) {
    const path = directory.path('ingest', name);
    const resource = `blob-${name.replace(/\.json$/, '')}`;
    const use = { leased: leased.has(resource) || held.has(resource), referenced: false };
    items.push({
      kind: 'partial',
      id: name.replace('-', ':'),
      size: sizeOf(path),
      lastUsed: mtimeOf(path),
      path,
      ...use,
    });
  }
  for (const name of namesIn(directory.path('stat-cache'))) {
    const path = directory.path('stat-cache', name);
    const use = { leased: false, referenced: true };
    items.push({ kind: 'stat-cache', id: name, size: sizeOf(path), lastUsed: mtimeOf(path), path, ...use });
  }
  for (const name of namesIn(directory.path('workspaces'))) {
    const path = directory.path('workspaces', name);
    const resource = workspaceResource(name);
    const use = { leased: leased.has(resource) || held.has(resource), referenced: false };
    const id = `${name.slice(0, name.lastIndexOf('-'))} ${textOf(join(path, 'key')) ?? name}`;
    items.push({ kind: 'workspace', id, size: treeSize(path).bytes, lastUsed: mtimeOf(path), path, ...use });
  }
  return { items, blobs, leases: leased, temporary: treeSize(directory.path('tmp')) };
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

interface ListedRecord {
  readonly kind: string;
  readonly key: string;
  readonly text: string;
  /** Digests that the record refers to. */
  readonly digests: readonly string[];
  readonly size: number;
  readonly lastUsed: number;
  readonly path: string;
}

async function listRecords(directory: StoreDirectory): Promise<ListedRecord[]> {
  const records: ListedRecord[] = [];
  for (const kind of namesIn(directory.path('records'))) {
    for (const name of namesIn(directory.path('records', kind))) {
      if (records.length % BATCH === 0) await setImmediate();
      const path = directory.path('records', kind, name);
      const text = textOf(path);
      if (text === undefined) continue;
      // A request for an ID is no reason to keep anything.
      const digests = kind === SNAPSHOT_RECORD ? [] : (text.match(/sha(?:256|384|512):[0-9a-f]{64,128}/g) ?? []);
      const key = parseRecord(text)?.key ?? name;
      records.push({ kind, key, text, digests, size: text.length, lastUsed: mtimeOf(path), path });
    }
  }
  return records;
}

/** Bytes and number of the files below a directory; links are not followed. */
function treeSize(path: string): { bytes: number; count: number } {
  let bytes = 0;
  let count = 0;
  let entries: Dirent<Buffer>[];
  const pending: (string | Buffer)[] = [path];
  for (let dir = pending.pop(); dir !== undefined; dir = pending.pop()) {
    try {
      entries = readdirSync(dir, { withFileTypes: true, encoding: 'buffer' });
    } catch {
      // Unreadable entries are not counted.
      continue;
    }
    for (const entry of entries) {
      const child = Buffer.concat([Buffer.from(dir), Buffer.from('/'), entry.name]);
      if (entry.isDirectory()) pending.push(child);
      else if (entry.isFile()) {
        bytes += lstatSync(child, { throwIfNoEntry: false })?.size ?? 0;
        count += 1;
      }
    }
  }
  return { bytes, count };
}

function sizeOf(path: string): number {
  return lstatSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function mtimeOf(path: string): number {
  return lstatSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** The text of a file; undefined if it is gone. */
export function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    return orAbsent(error);
  }
}
