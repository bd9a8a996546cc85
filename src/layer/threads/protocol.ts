/**
 * The threads that unpack an image and what they share. One reads and decompresses the blobs, and verifies diff IDs; the
 * other applies the archives. Both block, on `Condition`s in shared memory: the main thread fetches and never waits for
 * them, they tell it what matters in messages.
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
  /** What each thread sleeps on. */
  readonly decompressCondition: SharedArrayBuffer;
  readonly applyCondition: SharedArrayBuffer;
}

/** From the threads. */
export type UnpackEvent =
  | { readonly type: 'layer'; readonly layer: number }
  /** Everything is written: the thread that decompresses is needed no more. */
  | { readonly type: 'applied' }
  | { readonly type: 'done'; readonly report: PackedReport }
  /** Where the thread fails; with what, it tells next. */
  | { readonly type: 'failed'; readonly layer: number };

/** From which descriptor each layer's blob can be read, and how many bytes of it so far. */
export class BlobTable {
  readonly memory: SharedArrayBuffer;
  /** For each layer the descriptor plus one, and the number of bytes. */
  readonly #cells: BigInt64Array;

  constructor(source: number | SharedArrayBuffer) {
    this.memory = typeof source === 'number' ? new SharedArrayBuffer(16 * source) : source;
    this.#cells = new BigInt64Array(this.memory);
  }

  /** The descriptor stays the writer's. */
  open(layer: number, fd: number): void {
    Atomics.store(this.#cells, 2 * layer, BigInt(fd + 1));
  }

  grow(layer: number, bytes: number): void {
    Atomics.store(this.#cells, 2 * layer + 1, BigInt(bytes));
  }

  /** Undefined as long as nothing can be read. */
  fd(layer: number): number | undefined {
    const fd = Number(Atomics.load(this.#cells, 2 * layer)) - 1;
    return fd === -1 ? undefined : fd;
  }

  available(layer: number): number {
    return Number(Atomics.load(this.#cells, 2 * layer + 1));
  }
}
