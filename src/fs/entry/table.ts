/** The rows of one tree, in the order of the walk, in chunks that grow with it. */
import { EntryRows, FIRST_ROW, rowBytes } from './rows.ts';
import type { TreeEntry, UnseenFiles } from './tree-entry.ts';

export class EntryTable {
  readonly chunks: EntryRows[] = [];
  readonly #began: (chunk: SharedArrayBuffer) => void;
  #rows: EntryRows | undefined;
  #at = 0;

  /** @param began called with each new chunk, while it is empty */
  constructor(began: (chunk: SharedArrayBuffer) => void) {
    this.#began = began;
  }

  /** Appends the row of an entry with its digest, or of a file that has to be read. */
  add(entry: TreeEntry, digest?: string): void {
    const { path } = entry;
    const at = this.#reserve(rowBytes(path.length));
    const name = path.lastIndexOf('/') + 1;
    this.#rows!.writePath(at, path.slice(0, name), path.slice(name));
    this.#rows!.writeEntry(at, entry);
    if (digest !== undefined) this.#rows!.finish(at, digest);
  }

  /** Appends files that were listed but not yet stat'ed. */
  addUnseen({ dir, names }: UnseenFiles): void {
    const prefix = dir && `${dir}/`;
    for (const name of names) {
      const at = this.#reserve(rowBytes(prefix.length + name.length));
      this.#rows!.writePath(at, prefix, name);
    }
  }

  /** Appends one or several complete rows. */
  copy(from: EntryRows, start: number, end: number): void {
    for (let at = start; at < end; ) {
      const next = from.next(at);
      const to = this.#reserve(next - at);
      from.bytes.copy(this.#rows!.bytes, to, at, next);
      at = next;
    }
  }

  /** Makes the appended rows visible to other threads. */
  publish(): void {
    if (this.#rows !== undefined) this.#rows.end = this.#at;
  }

  /** Visits all rows, in order. */
  *[Symbol.iterator](): Generator<{ readonly rows: EntryRows; readonly at: number }, void> {
    for (const rows of this.chunks) {
      for (let at = FIRST_ROW; at < rows.end; at = rows.next(at)) yield { rows, at };
    }
  }

  #reserve(bytes: number): number {
    if (this.#rows === undefined || this.#at + bytes > this.#rows.bytes.length) this.#begin(bytes);
    const at = this.#at;
    this.#at += bytes;
    return at;
  }

  #begin(bytes: number): void {
    this.publish();
    const isFirst = this.chunks.length === 0;
    const memory = new SharedArrayBuffer(Math.max(isFirst ? FIRST_CHUNK : CHUNK, FIRST_ROW + bytes));
    this.#rows = new EntryRows(memory);
    this.#at = FIRST_ROW;
    this.publish();
    this.chunks.push(this.#rows);
    this.#began(memory);
  }
}

/** Size in bytes of the first chunk, enough for 5,000 entries, and of the others. */
const FIRST_CHUNK = 1 << 20;
const CHUNK = 8 << 20;
