/** Entries in few bytes: as rows, compressed in pieces while they come, and decoded piece by piece while they are walked. */
import { gunzipSync, gzipSync } from 'node:zlib';
import type { Entry } from '../../contract/entry.ts';
import { entriesOfRows, ROW_SEPARATOR, rowOf } from '../../fs/entry/json-rows.ts';

/** Characters of rows from which on they are a piece. The longest row, of names and attributes, has 18 MiB. */
const PIECE = 64 << 10;
const LEVEL = 3;

export class PackedEntries implements Iterable<Entry> {
  /** Each holds whole rows. */
  readonly pieces: Uint8Array[];
  #rows = '';

  constructor(pieces: readonly Uint8Array[] = []) {
    this.pieces = [...pieces];
  }

  /** Adds an entry; it is walked, and in `pieces`, once `end` was called. */
  add(entry: Entry): void {
    this.#rows += `${this.#rows === '' ? '' : ROW_SEPARATOR}${rowOf(entry)}`;
    if (this.#rows.length >= PIECE) this.end();
  }

  end(): void {
    if (this.#rows === '') return;
    this.pieces.push(gzipSync(this.#rows, { level: LEVEL }));
    this.#rows = '';
  }

  *[Symbol.iterator](): Generator<Entry> {
    for (const piece of this.pieces) yield* entriesOfRows([gunzipSync(piece)]);
  }
}
