/**
 * The threads that unpack an image, and what they share. One reads and decompresses the blobs; the other verifies diff
 * IDs and applies the archives. Both block, on `Condition`s in shared memory. The main thread fetches and never waits
 * for them; they report to it by messages.
 */
import type { Digest } from '../../core/digest.ts';
import type { ApplyOptions } from '../apply/apply.ts';
import type { PackedReport } from '../apply/report.ts';
import type { JobMemory } from './file-jobs.ts';
import type { RingMemory } from './slot-ring.ts';

export interface UnpackJob {
  readonly role: 'decompress' | 'apply';
  readonly dir: string;
  readonly options: ApplyOptions;
  /** Base first. */
  readonly layers: readonly { readonly digest: Digest; readonly size: number; readonly diffId: Digest }[];
  readonly ring: RingMemory;
  readonly jobs: JobMemory;
  readonly blobs: SharedArrayBuffer;
  readonly counters: SharedArrayBuffer;
  /** The condition that each thread sleeps on. */
  readonly decompressCondition: SharedArrayBuffer;
  readonly applyCondition: SharedArrayBuffer;
}

/** Messages from the threads. */
export type UnpackEvent =
  | { readonly type: 'layer'; readonly layer: number }
  /** Everything is written: the decompressing thread is no longer needed. */
  | { readonly type: 'applied' }
  | { readonly type: 'done'; readonly report: PackedReport }
  /** Where the thread fails; with what, it tells next. */
  | { readonly type: 'failed'; readonly layer: number };

/** For each layer: the descriptor of its blob, and how many bytes of the blob can be read. */
export class BlobTable {
  readonly memory: SharedArrayBuffer;
  /** For each layer the descriptor plus one, and the number of bytes. */
  readonly #cells: BigInt64Array;

  constructor(source: number | SharedArrayBuffer) {
    this.memory = typeof source === 'number' ? new SharedArrayBuffer(16 * source) : source;
    this.#cells = new BigInt64Array(this.memory);
  }

  /** The descriptor still belongs to the writer. */
  open(layer: number, fd: number): void {
    Atomics.store(this.#cells, 2 * layer, BigInt(fd + 1));
  }

  grow(layer: number, bytes: number): void {
    Atomics.store(this.#cells, 2 * layer + 1, BigInt(bytes));
  }

  /** Undefined until something can be read. */
  fd(layer: number): number | undefined {
    const fd = Number(Atomics.load(this.#cells, 2 * layer)) - 1;
    return fd === -1 ? undefined : fd;
  }

  available(layer: number): number {
    return Number(Atomics.load(this.#cells, 2 * layer + 1));
  }
}
