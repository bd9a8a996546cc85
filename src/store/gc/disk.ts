/**
 * What items take of the disk: the blocks of their files, each file once whatever the number of its names. Folders' own
 * blocks are not counted.
 */
import { type Dirent, lstatSync, readdirSync, type Stats } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { orAbsent } from '../failures.ts';

/** Bytes that do not come back when one item alone is removed. */
export interface SharedBytes<Item> {
  bytes: number;
  readonly items: ReadonlySet<Item>;
  /** What keeps the bytes even if all of these items go. */
  readonly also: 'links outside the store' | 'a running process' | undefined;
}

export interface Measured<Item> {
  /** Bytes that only this item has, and the length of all its files. */
  readonly of: ReadonlyMap<Item, { own: number; length: number }>;
  readonly shared: readonly SharedBytes<Item>[];
  readonly total: number;
  /** Folders that this user may not read: their files are not counted. */
  readonly unread: number;
}

/** To whom a file or a folder belongs. */
export interface Claim<Item> {
  readonly items: readonly Item[];
  /** A process uses it, whatever becomes of these items. */
  readonly pinned: boolean;
}

interface LinkedFile<Item> {
  readonly bytes: number;
  readonly links: number;
  seen: number;
  readonly items: Set<Item>;
  pinned: boolean;
}

/** Folders read between two turns of the event loop. */
const BATCH = 50;
const BLOCK = 512;

/**
 * Walks through the store. Links are not followed.
 * @param claims by absolute path; the longest path above a file decides
 * @param estimates bytes of folders that need not be entered
 */
export async function measure<Item>(
  root: string,
  claims: ReadonlyMap<string, Claim<Item>>,
  estimates: ReadonlyMap<string, number>,
): Promise<Measured<Item>> {
  const sum = new DiskSum<Item>();
  const pending: { path: Buffer; claim: Claim<Item> | undefined }[] = [{ path: Buffer.from(root), claim: undefined }];
  let read = 0;
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const text = next.path.toString();
    const claim = claims.get(text) ?? next.claim;
    const estimate = estimates.get(text);
    if (estimate !== undefined && claim !== undefined) {
      sum.add(claim, { bytes: estimate, length: estimate });
      continue;
    }
    read += 1;
    if (read % BATCH === 0) await setImmediate();
    const below: Buffer[] = [];
    try {
      for (const entry of entriesOf(next.path)) {
        const path = Buffer.concat([next.path, Buffer.from('/'), entry.name]);
        if (entry.isDirectory()) below.push(path);
        else {
          const owner = claims.get(path.toString()) ?? claim;
          const found = lstatSync(path, { throwIfNoEntry: false });
          if (owner !== undefined && found !== undefined) sum.file(owner, found);
        }
      }
    } catch (error) {
      // An image may have a folder that this user may not list, or may list but not search.
      if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error;
      sum.unread += 1;
      continue;
    }
    for (const path of below) pending.push({ path, claim });
  }
  return sum.finish();
}

/** Bytes of everything below a folder. */
export async function diskTotal(root: string): Promise<number> {
  const claim = { items: [root], pinned: false };
  return (await measure(root, new Map([[root, claim]]), new Map())).total;
}

/** None for a folder that is gone. */
function entriesOf(path: Buffer): Dirent<Buffer>[] {
  try {
    return readdirSync(path, { withFileTypes: true, encoding: 'buffer' });
  } catch (error) {
    return orAbsent(error) ?? [];
  }
}

class DiskSum<Item> {
  /** Folders left out. */
  unread = 0;
  readonly #of = new Map<Item, { own: number; length: number }>();
  readonly #linked = new Map<string, LinkedFile<Item>>();
  readonly #shared = new Map<string, SharedBytes<Item>>();
  readonly #numbers = new Map<Item, number>();
  #total = 0;

  file(claim: Claim<Item>, { dev, ino, nlink, blocks, size }: Stats): void {
    const bytes = blocks * BLOCK;
    if (nlink === 1) {
      this.add(claim, { bytes, length: size });
      return;
    }
    const id = `${dev}:${ino}`;
    let linked = this.#linked.get(id);
    if (linked === undefined) {
      linked = { bytes, links: nlink, seen: 0, items: new Set(), pinned: false };
      this.#linked.set(id, linked);
    }
    linked.seen += 1;
    linked.pinned ||= claim.pinned;
    for (const item of claim.items) {
      if (!linked.items.has(item)) this.#partOf(item).length += size;
      linked.items.add(item);
    }
  }

  add({ items, pinned }: Claim<Item>, { bytes, length }: { bytes: number; length: number }): void {
    for (const item of items) this.#partOf(item).length += length;
    this.#give(new Set(items), bytes, pinned ? 'a running process' : undefined);
  }

  finish(): Measured<Item> {
    for (const { bytes, links, seen, items, pinned } of this.#linked.values()) {
      this.#give(items, bytes, pinned ? 'a running process' : links > seen ? 'links outside the store' : undefined);
    }
    const shared = [...this.#shared.values()].filter(({ bytes }) => bytes > 0);
    return { of: this.#of, shared, total: this.#total, unread: this.unread };
  }

  #give(items: ReadonlySet<Item>, bytes: number, also: SharedBytes<Item>['also']): void {
    this.#total += bytes;
    const [first] = items;
    if (items.size === 1 && also === undefined) {
      this.#partOf(first!).own += bytes;
      return;
    }
    const numbers = [...items].map((item) => this.#numberOf(item)).sort((a, b) => a - b);
    const key = `${numbers.join()} ${also ?? ''}`;
    const group = this.#shared.get(key);
    if (group === undefined) this.#shared.set(key, { bytes, items, also });
    else group.bytes += bytes;
  }

  #numberOf(item: Item): number {
    const number = this.#numbers.get(item) ?? this.#numbers.size;
    this.#numbers.set(item, number);
    return number;
  }

  #partOf(item: Item): { own: number; length: number } {
    let part = this.#of.get(item);
    if (part === undefined) {
      part = { own: 0, length: 0 };
      this.#of.set(item, part);
    }
    return part;
  }
}
