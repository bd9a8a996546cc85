/** What the unpacking thread and its starter say to each other. */

import type { Digest } from '../core/digest.ts';
import type { ErrorCode } from '../core/errors.ts';
import type { ApplyOptions } from './apply.ts';
import type { PackedReport } from './report.ts';

export interface UnpackJob {
  readonly dir: string;
  readonly options: ApplyOptions;
  /** Base first. */
  readonly layers: readonly { readonly digest: Digest; readonly size: number; readonly diffId: Digest }[];
  /** The memory of a `GrowthCounters`. */
  readonly growth: SharedArrayBuffer;
}

/** To the thread: a layer's blob can be read from this descriptor, which stays the sender's; or: there is more of it. */
export type BlobMessage = { readonly layer: number; readonly fd: number } | { readonly layer: number };

/** How many bytes of each layer's blob can be read so far, shared between threads. */
export class GrowthCounters {
  readonly memory: SharedArrayBuffer;
  /** For each layer the number of bytes, and whether the reader waits for more. */
  readonly #cells: BigInt64Array;

  constructor(source: number | SharedArrayBuffer) {
    this.memory = typeof source === 'number' ? new SharedArrayBuffer(16 * source) : source;
    this.#cells = new BigInt64Array(this.memory);
  }

  available(layer: number): number {
    return Number(Atomics.load(this.#cells, 2 * layer));
  }

  /** Writer: there are `bytes` now. @returns whether the reader asked to be told */
  grow(layer: number, bytes: number): boolean {
    Atomics.store(this.#cells, 2 * layer, BigInt(bytes));
    return Atomics.exchange(this.#cells, 2 * layer + 1, 0n) === 1n;
  }

  /** Reader: tell me when there is more than `seen`. @returns false when there is already */
  ask(layer: number, seen: number): boolean {
    Atomics.store(this.#cells, 2 * layer + 1, 1n);
    return this.available(layer) <= seen;
  }
}

/** A typed error without its cause, which does not cross between threads. */
export interface ErrorMessage {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string | undefined;
  readonly details: Record<string, unknown> | undefined;
  /** Of what was not a typed error. */
  readonly stack: string | undefined;
}

/** From the thread. */
export type UnpackEvent =
  | { readonly type: 'layer'; readonly layer: number }
  | { readonly type: 'advance'; readonly layer: number; readonly done: number }
  | { readonly type: 'done'; readonly report: PackedReport }
  | { readonly type: 'failed'; readonly layer: number; readonly error: ErrorMessage };
