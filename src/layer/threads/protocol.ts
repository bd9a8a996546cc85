/**
 * The threads that unpack an image and what they share. One reads and decompresses the blobs, and verifies diff IDs; the
 * other applies the archives. Both block, on `Condition`s in shared memory: the main thread fetches and never waits for
 * them, they tell it what matters in messages.
 */
import type { Digest } from '../../core/digest.ts';
import { CtxsrcError, type ErrorCode, localError } from '../../core/errors.ts';
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

/** A typed error without its cause, which does not cross between threads. */
export interface ErrorMessage {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string | undefined;
  readonly details: Record<string, unknown> | undefined;
  readonly stack: string | undefined;
}

/** From the threads. */
export type UnpackEvent =
  | { readonly type: 'layer'; readonly layer: number }
  /** Everything is written: the thread that decompresses is needed no more. */
  | { readonly type: 'applied' }
  | { readonly type: 'done'; readonly report: PackedReport }
  | { readonly type: 'failed'; readonly layer: number; readonly error: ErrorMessage };

export function errorMessage(thrown: unknown): ErrorMessage {
  const error = localError(thrown, 'cannot unpack');
  const typed = error instanceof CtxsrcError ? error : new CtxsrcError('E_INTERNAL', String(thrown));
  const { code, message, hint, details } = typed;
  return { code, message, hint, details, stack: thrown instanceof Error ? thrown.stack : undefined };
}

/** A typed error again. */
export function reviveError({ code, message, hint, details, stack }: ErrorMessage): CtxsrcError {
  const cause = stack === undefined ? undefined : Object.assign(new Error(message), { stack });
  return new CtxsrcError(code, message, { hint, details, cause });
}

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
