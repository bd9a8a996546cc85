/** `cache du`: items summed to rows that people can read. */
import { statfsSync } from 'node:fs';
import type { SharedUsage, StoreRow, UsageReport } from '../../contract/store.ts';
import type { SharedBytes } from './disk.ts';
import type { Inventory, InventoryItem } from './inventory.ts';

/** Kinds of many small items that nobody tells apart by name. */
const SUMMED: Partial<Record<StoreRow['kind'], string>> = {
  record: 'what saves work',
  'stat-cache': 'digests of known files',
  entries: 'what layers consist of',
};

export interface Rows {
  readonly rows: readonly StoreRow[];
  readonly shared: readonly SharedUsage[];
}

type Sum = { -readonly [K in keyof StoreRow]: StoreRow[K] };

/** The items as rows, the largest first. Bytes that only items of one row share are its own. */
export function rowsOf(items: readonly InventoryItem[], shared: Inventory['shared']): Rows {
  const sums = new Map<string, Sum>();
  const rowOf = new Map<InventoryItem, Sum>();
  for (const item of items) {
    const { kind, lastUsed, inUse, problem } = item;
    const name = SUMMED[kind] ?? item.name;
    const key = `${kind} ${name}`;
    const sum = sums.get(key) ?? { kind, name, count: 0, own: 0, shared: 0, length: 0, lastUsed: 0, inUse: [] };
    sums.set(key, sum);
    rowOf.set(item, sum);
    sum.count += 1;
    sum.own += item.own;
    sum.length += item.length;
    sum.lastUsed = Math.max(sum.lastUsed, lastUsed);
    const known = new Set(sum.inUse.map(({ pid }) => pid));
    if (problem !== undefined) sum.problem ??= SUMMED[kind] === undefined ? problem : `${item.name} ${problem}`;
    sum.inUse = [...sum.inUse, ...inUse.filter(({ pid }) => !known.has(pid))];
  }
  const groups = shared.flatMap((group) => shareOf(group, rowOf) ?? []);
  return { rows: [...sums.values()].sort(largestFirst), shared: groups.sort((a, b) => b.bytes - a.bytes) };
}

/** Adds shared bytes to their rows; undefined if they are one row's own, or of no row. */
function shareOf(
  { bytes, items, also }: SharedBytes<InventoryItem>,
  rowOf: ReadonlyMap<InventoryItem, Sum>,
): SharedUsage | undefined {
  const rows = new Set([...items].flatMap((item) => rowOf.get(item) ?? []));
  const [first] = rows;
  const isWhole = [...items].every((item) => rowOf.has(item));
  if (rows.size === 1 && isWhole && also === undefined) {
    first!.own += bytes;
    return undefined;
  }
  for (const row of rows) row.shared += bytes;
  const named = [...items].map((item) => rowOf.get(item) ?? item);
  const distinct = new Map(named.map(({ kind, name }) => [`${kind} ${name}`, { kind, name }]));
  return rows.size === 0 ? undefined : { bytes, rows: [...distinct.values()], ...(also === undefined ? {} : { also }) };
}

function largestFirst(a: StoreRow, b: StoreRow): number {
  return b.own + b.shared - (a.own + a.shared) || (a.name < b.name ? -1 : 1);
}

/** `StoreAdmin.usage` of the contract. */
export function usageReport(
  { items, shared, total, unread, view }: Inventory,
  matches: (item: InventoryItem) => boolean,
  reclaimable: number,
): UsageReport {
  const store = view.directory.root;
  return { store, total, free: freeAt(store), ...rowsOf(items.filter(matches), shared), reclaimable, unread };
}

/** Undefined where there is no store yet, or the system does not tell. */
function freeAt(path: string): number | undefined {
  try {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize;
  } catch {
    return undefined;
  }
}
