/** Losses of the source's metadata, counted by kind, with details of the first thousand. */
import type { Loss } from '../../contract/ref.ts';
import { type ByteString, printableBytes } from '../byte-string.ts';

const MAX_DETAILED = 1000;

/** Receives the losses of a writer. */
export interface LossSink {
  /** @param path a byte string, below the root */
  add(kind: Loss['kind'], path: ByteString, detail: string): void;
}

export class LossList implements LossSink {
  /** Paths are byte strings. */
  #losses: Loss[] = [];
  #counts: Record<string, number> = {};
  readonly #maxDetailed: number;

  /** @param maxDetailed number of losses with details; unlimited if `choose` will be used */
  constructor(maxDetailed = MAX_DETAILED) {
    this.#maxDetailed = maxDetailed;
  }

  add(kind: Loss['kind'], path: ByteString, detail: string): void {
    this.#counts[kind] = (this.#counts[kind] ?? 0) + 1;
    if (this.#losses.length < this.#maxDetailed) this.#losses.push({ path, kind, detail });
  }

  /** Drops the losses of paths for which `place` returns undefined, and renames the others. */
  choose(place: (path: ByteString) => ByteString | undefined): void {
    const all = this.#losses;
    this.#losses = [];
    this.#counts = {};
    for (const { kind, path, detail } of all) {
      const placed = place(path);
      if (placed !== undefined) this.add(kind, placed, detail);
    }
  }

  get losses(): Loss[] {
    return this.#losses
      .slice(0, MAX_DETAILED)
      .map(({ path, kind, detail }) => ({ path: printableBytes(path), kind, detail }));
  }

  get counts(): Readonly<Record<string, number>> {
    return this.#counts;
  }
}
