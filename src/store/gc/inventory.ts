/** The content of the store at one moment, measured, with its references and users: the basis of `ls`, `du` and `prune`. */
import type { StoreItem } from '../../contract/store.ts';
import { blobResource } from '../blobs/blobs.ts';
import { type Claim, measure, type SharedBytes } from './disk.ts';
import { type FoundItem, listItems } from './kinds.ts';
import { type InventoryEnv, readView, type StoreView } from './store-view.ts';

/** An item, with what is needed to remove it. */
export type InventoryItem = StoreItem & FoundItem;

export interface Inventory {
  readonly items: readonly InventoryItem[];
  readonly shared: readonly SharedBytes<InventoryItem>[];
  /** Bytes of everything, each file once. */
  readonly total: number;
  /** Folders that this user may not read, and that are not counted. */
  readonly unread: number;
  readonly view: StoreView;
}

/**
 * Reads and measures the store.
 * @param estimate take the sizes of snapshots from what is recorded, which is about right and needs no walk
 */
export async function takeInventory(env: InventoryEnv, estimate = false): Promise<Inventory> {
  const view = await readView(env);
  const found = await listItems(view);
  const estimates = found.flatMap((item) =>
    item.estimate === undefined ? [] : [[item.paths[0]!, item.estimate] as const],
  );
  const { of, shared, total, unread } = await measure(
    env.directory.root,
    claimsOf(found, view),
    new Map(estimate ? estimates : []),
  );
  const sharedOf = new Map<FoundItem, number>();
  for (const { bytes, items } of shared)
    for (const item of items) sharedOf.set(item, (sharedOf.get(item) ?? 0) + bytes);
  const made = new Map(
    found.map((item): [FoundItem, InventoryItem] => {
      const { own, length } = of.get(item) ?? { own: 0, length: 0 };
      const sharedBytes = sharedOf.get(item) ?? 0;
      const leased = item.inUse.length > 0 || item.stays === true;
      return [item, { ...item, leased, own, shared: sharedBytes, size: own + sharedBytes, length }];
    }),
  );
  const groups = shared.map(({ bytes, items, also }) => ({
    bytes,
    items: new Set([...items].map((item) => made.get(item)!)),
    also,
  }));
  return { items: [...made.values()], shared: groups, total, unread, view };
}

function claimsOf(found: readonly FoundItem[], { blobs, users }: StoreView): Map<string, Claim<FoundItem>> {
  const owners = new Map<string, FoundItem[]>();
  for (const item of found) for (const path of item.paths) owners.set(path, [...(owners.get(path) ?? []), item]);
  const claims = new Map<string, Claim<FoundItem>>();
  for (const [path, items] of owners) claims.set(path, { items, pinned: false });
  for (const [digest, { path }] of blobs) {
    const items = owners.get(path) ?? [];
    // A layer of an image that nobody uses may be in use by itself.
    const pinned = items.every(({ inUse }) => inUse.length === 0) && users.of(blobResource(digest)).length > 0;
    claims.set(path, { items, pinned });
  }
  return claims;
}
