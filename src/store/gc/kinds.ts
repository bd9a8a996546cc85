/** The kinds of things in the store: what there is of each, what people call it, and how one is removed. */
import { basename, join } from 'node:path';
import type { StoreItem } from '../../contract/store.ts';
import type { Digest } from '../../core/digest.ts';
import { isObject } from '../../core/is-object.ts';
import { shownReference } from '../../core/shown-reference.ts';
import { removeTree } from '../../fs/write/remove-tree.ts';
import { blobResource } from '../blobs/blobs.ts';
import { damaged, type Problem, readDocument } from '../document.ts';
import { ENTRIES } from '../entry-indexes.ts';
import { namesIn } from '../layout.ts';
import { headerPath, parseHeader, type SnapshotHeader } from '../snapshots/manifest.ts';
import type { SnapshotStore } from '../snapshots/snapshot-store.ts';
import { SNAPSHOT_RECORD, snapshotResource } from '../snapshots/snapshots.ts';
import { workspaceResource } from '../workspaces.ts';
import { type ListedImage, mtimeOf, type StoreView, UNFINISHED_RECORD } from './store-view.ts';

/** An item before it is measured. */
export interface FoundItem
  extends Pick<StoreItem, 'id' | 'name' | 'digest' | 'lastUsed' | 'referenced' | 'inUse' | 'problem'> {
  readonly kind: StoreItem['kind'];
  /** Its files and directories. Several items may have the same. */
  readonly paths: readonly string[];
  /** It stays, although no process that is seen uses it. */
  readonly stays?: boolean;
  /** About the bytes of its first path, where that is known without a look at each file. */
  readonly estimate?: number | undefined;
  /** Only for images. */
  readonly image?: ListedImage;
}

interface Kind {
  readonly kind: StoreItem['kind'];
  readonly list: (view: StoreView, names: Names) => Promise<FoundItem[]> | FoundItem[];
  /** Removes one; absent where nothing is removed, or not one by one. */
  readonly remove?: (path: string, snapshots: SnapshotStore) => Promise<void>;
}

/** A new kind of thing in the store is one more line. */
const KINDS: readonly Kind[] = [
  { kind: 'image', list: images },
  { kind: 'blob', list: blobs },
  { kind: 'snapshot', list: snapshots, remove: (path, store) => store.remove(basename(path)) },
  { kind: 'record', list: records, remove: removeTree },
  { kind: 'partial', list: partials, remove: removeTree },
  { kind: 'stat-cache', list: statCaches, remove: removeTree },
  { kind: 'entries', list: entries, remove: removeTree },
  { kind: 'workspace', list: workspaces, remove: removeTree },
  { kind: 'temporary', list: temporary },
  { kind: 'store', list: store },
];

/** Everything in the store, kind after kind. The last item has the root of the store, and so what no other item has. */
export async function listItems(view: StoreView): Promise<FoundItem[]> {
  const names = namesOf(view);
  const kinds: (readonly FoundItem[])[] = [];
  for (const { list } of KINDS) kinds.push(await list(view, names));
  return kinds.flat();
}

/** Removes an item that goes alone: no image, no blob. */
export async function removeItem({ kind, paths }: FoundItem, snapshots: SnapshotStore): Promise<void> {
  const remove = KINDS.find((one) => one.kind === kind)?.remove;
  for (const path of paths) await remove?.(path, snapshots);
}

/** What people call things that the store knows by digests. */
interface Names {
  /** By chain ID. */
  readonly snapshots: ReadonlyMap<string, string>;
  /** By digest, for blobs that records refer to. */
  readonly blobs: ReadonlyMap<string, string>;
  /** By kind and key of a record or workspace. */
  readonly addresses: ReadonlyMap<string, string>;
}

function namesOf({ images, records }: StoreView): Names {
  const snapshots = new Map<string, string>();
  const blobs = new Map<string, string>();
  const addresses = new Map<string, string>();
  for (const { kind, key, value, digests } of records) {
    const url = isObject(value) && typeof value.url === 'string' ? shownReference(value.url) : undefined;
    const name = url ?? (kind === 'image' ? key : undefined);
    if (url !== undefined) addresses.set(`${kind} ${key}`, url);
    if (name === undefined) continue;
    for (const digest of digests) blobs.set(digest, name);
    if (isObject(value) && typeof value.chainId === 'string') snapshots.set(value.chainId, name);
  }
  // An image that has all layers names a snapshot before one that has more.
  for (const { name, graph } of images) for (const id of graph.chainIds) snapshots.set(id, name);
  for (const { name, graph } of images) for (const id of graph.wholeChainIds) snapshots.set(id, name);
  return { snapshots, blobs, addresses };
}

function images({ blobs, images, users }: StoreView): FoundItem[] {
  return images.map((image) => {
    const { digest } = image.descriptor;
    return {
      kind: 'image',
      id: image.name,
      name: image.name,
      digest,
      lastUsed: blobs.get(digest)?.lastUsed ?? 0,
      referenced: true,
      inUse: users.of(blobResource(digest)),
      paths: [...image.graph.blobs].flatMap((blob) => blobs.get(blob)?.path ?? []),
      problem: image.graph.problem?.problem,
      image,
    };
  });
}

/** Those that belong to no image. */
function blobs({ blobs, images, records, users, unsure }: StoreView, names: Names): FoundItem[] {
  const inImages = new Set<Digest>(images.flatMap(({ graph }) => [...graph.blobs]));
  const recorded = new Set(records.flatMap(({ digests }) => digests));
  return [...blobs]
    .filter(([digest]) => !inImages.has(digest))
    .map(([digest, { lastUsed, path }]) => ({
      kind: 'blob',
      id: digest,
      name: names.blobs.get(digest) ?? digest,
      digest,
      lastUsed,
      referenced: unsure || recorded.has(digest),
      inUse: users.of(blobResource(digest)),
      paths: [path],
    }));
}

function snapshots({ directory, images, records, users, unsure }: StoreView, names: Names): FoundItem[] {
  const chains = new Set(images.flatMap(({ graph }) => [...graph.chainIds]));
  const others = records.filter(({ kind }) => kind !== SNAPSHOT_RECORD);
  const items: FoundItem[] = [];
  for (const folder of namesIn(directory.path('snapshots'))) {
    const path = directory.path('snapshots', folder);
    const { header, problem } = headerAt(path);
    const id = header?.id ?? folder;
    items.push({
      kind: 'snapshot',
      id,
      name: names.snapshots.get(id) ?? id,
      lastUsed: mtimeOf(headerPath(path)),
      referenced: unsure || chains.has(id) || others.some(({ text }) => text.includes(JSON.stringify(id))),
      inUse: users.of(snapshotResource(folder)),
      paths: [path],
      // A block for each entry covers the rounding, and the list of the entries.
      estimate: header && header.bytes + header.count * 4096,
      problem: problem?.problem,
      stays: problem?.unread === true,
    });
  }
  return items;
}

/** Nothing is wrong with a header of another format. */
function headerAt(home: string): { readonly header?: SnapshotHeader | undefined; readonly problem?: Problem } {
  const found = readDocument(headerPath(home));
  if (found === undefined) return { problem: damaged('has no snapshot.json') };
  if ('problem' in found) return { problem: { ...found, problem: `its snapshot.json ${found.problem}` } };
  const header = parseHeader(found.text);
  return header === undefined
    ? { problem: damaged('its snapshot.json is damaged, or of another version') }
    : { header };
}

function records({ records }: StoreView, names: Names): FoundItem[] {
  return records.map(({ kind, key, lastUsed, path, problem }) => ({
    kind: 'record',
    id: `${kind} ${key}`,
    name: `${kind} ${names.addresses.get(`${kind} ${key}`) ?? key}`,
    lastUsed,
    referenced: true,
    inUse: [],
    stays: kind === UNFINISHED_RECORD,
    paths: [path],
    problem: problem?.problem,
  }));
}

function partials({ directory, users }: StoreView, names: Names): FoundItem[] {
  return namesIn(directory.path('ingest')).map((file) => {
    const path = directory.path('ingest', file);
    const digest = file.replace(/\.json$/, '').replace('-', ':');
    return {
      kind: 'partial',
      id: file.replace('-', ':'),
      name: names.blobs.get(digest) ?? digest,
      lastUsed: mtimeOf(path),
      referenced: false,
      inUse: users.of(`blob-${file.replace(/\.json$/, '')}`),
      paths: [path],
    };
  });
}

function workspaces({ directory, users }: StoreView, names: Names): FoundItem[] {
  return namesIn(directory.path('workspaces')).map((folder) => {
    const path = directory.path('workspaces', folder);
    const kind = folder.slice(0, folder.lastIndexOf('-'));
    const [found, named] = ['key', 'name'].map((file) => readDocument(join(path, file)));
    const key = found !== undefined && 'text' in found ? found.text : folder;
    const own = named !== undefined && 'text' in named ? named.text : undefined;
    const id = `${kind} ${key}`;
    return {
      kind: 'workspace',
      id,
      name: `${kind} ${own ?? names.addresses.get(id) ?? shownReference(key)}`,
      lastUsed: mtimeOf(path),
      referenced: false,
      inUse: users.of(workspaceResource(folder)),
      paths: [path],
      problem: found !== undefined && 'problem' in found ? `its key ${found.problem}` : undefined,
    };
  });
}

function entries({ directory, images, records, unsure }: StoreView): FoundItem[] {
  const owners = new Map(images.flatMap(({ name, graph }) => [...graph.diffIds].map((id) => [id, name] as const)));
  const imageRecords = records.filter(({ kind }) => kind === 'image');
  return namesIn(directory.path(ENTRIES)).map((file) => {
    const path = directory.path(ENTRIES, file);
    const id = file.replace('-', ':');
    const name = owners.get(id) ?? imageRecords.find(({ text }) => text.includes(file.replace(/^.*-/, '')))?.key;
    const referenced = unsure || name !== undefined;
    return { kind: 'entries', id, name: name ?? id, lastUsed: mtimeOf(path), referenced, inUse: [], paths: [path] };
  });
}

function statCaches({ directory }: StoreView): FoundItem[] {
  const kind = 'stat-cache';
  return namesIn(directory.path(kind)).map((name) => {
    const path = directory.path(kind, name);
    return { kind, id: name, name, lastUsed: mtimeOf(path), referenced: true, inUse: [], paths: [path] };
  });
}

function temporary({ directory, users }: StoreView): FoundItem[] {
  const path = directory.path('tmp');
  if (namesIn(path).length === 0) return [];
  return [whole('temporary', 'what running processes write', path, users.writers)];
}

function store({ directory, problem }: StoreView): FoundItem[] {
  if (namesIn(directory.root).length === 0) return [];
  const item = whole('store', 'lists, locks and leases', directory.root, []);
  return [problem === undefined ? item : { ...item, problem: `index.json ${problem.problem}` }];
}

/** A folder that is no item to remove. */
function whole(kind: StoreItem['kind'], name: string, path: string, inUse: StoreItem['inUse']): FoundItem {
  return { kind, id: name, name, lastUsed: mtimeOf(path), referenced: true, inUse, stays: true, paths: [path] };
}
