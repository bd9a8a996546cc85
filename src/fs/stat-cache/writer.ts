/** Prepares the rows of a stat cache: marks those too recent to be trusted, and counts bytes below directories. */
import { type EntryRows, GONE, YOUNG } from '../entry/rows.ts';
import { type FileClock, isSettled } from './file-clock.ts';

/** Bytes that are hashed and written at once, which takes about a millisecond. */
const PIECE = 1 << 20;

interface CachedDirectory {
  readonly rows: EntryRows;
  readonly at: number;
  readonly length: number;
  /** Where the rows below it begin. */
  readonly start: number;
}

/** The rows that a stat cache keeps, in the order of the walk. */
export class CacheWriter {
  readonly #clock: FileClock;
  readonly #pieces: Uint8Array[] = [];
  /** The directories from the root to the current row. */
  readonly #open: CachedDirectory[] = [];
  #piece: { readonly rows: EntryRows; readonly start: number; end: number } | undefined;
  /** Bytes so far. */
  #size = 0;

  constructor(clock: FileClock) {
    this.#clock = clock;
  }

  /** Adds a row that has its digest, or whose entry is `GONE`. */
  take(rows: EntryRows, at: number): void {
    const length = rows.parentLength(at);
    while (this.#open.length > 0 && this.#open.at(-1)!.length > length) this.#leave();
    if (rows.state(at) === GONE) {
      // The directory lost a name after it was stat'ed.
      const dir = this.#open.at(-1);
      dir?.rows.setState(dir.at, YOUNG);
      return;
    }
    if (!isSettled(this.#clock, rows.device(at), rows.changed(at))) rows.setState(at, YOUNG);
    const next = rows.next(at);
    if (this.#piece?.rows !== rows || this.#piece.end !== at || at - this.#piece.start >= PIECE) {
      this.#cut();
      this.#piece = { rows, start: at, end: at };
    }
    this.#piece.end = next;
    this.#size += next - at;
    if (rows.isDirectory(at)) this.#open.push({ rows, at, length: rows.pathLength(at), start: this.#size });
  }

  /** All rows. */
  finish(): readonly Uint8Array[] {
    while (this.#open.length > 0) this.#leave();
    this.#cut();
    return this.#pieces;
  }

  #leave(): void {
    const { rows, at, start } = this.#open.pop()!;
    rows.setBelow(at, this.#size - start);
  }

  #cut(): void {
    if (this.#piece === undefined) return;
    this.#pieces.push(this.#piece.rows.bytes.subarray(this.#piece.start, this.#piece.end));
    this.#piece = undefined;
  }
}
