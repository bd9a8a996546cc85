/** Threads that hash files on all cores. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { ioError } from '../core/errors.ts';
import { printable } from '../core/printable.ts';
import { workerUrl } from '../core/worker-url.ts';
import { type ByteString, textOfBytes } from './byte-string.ts';
import type { FileTask } from './file-digest.ts';
import { type HashBatch, type HashedBatch, type HashWorkerData, TASK_FIELDS } from './hash-batch.ts';

/** More threads than this gain nothing and cost memory. */
const MAX_WORKERS = 8;
/** A batch ends at so many files or bytes, whichever comes first. */
const BATCH_FILES = 64;
const BATCH_BYTES = 8 << 20;
/** When more batches than this are queued, the walk stops to help, so that memory does not grow with the tree. */
const MAX_QUEUED = 32;
/** Reading a larger file would hold the caller's event loop up. */
const STEALABLE_BYTES = 8 << 20;
/** Batches that a worker has at once: it never waits for the next, and little is queued when the run is aborted. */
const IN_FLIGHT = 2;

/** What the pool needs of a file, and gives back when it is hashed. */
export interface PoolItem {
  readonly path: ByteString;
  readonly file: FileTask;
}

/** Receives the digest of a file, or undefined when the file has changed since the walk. */
export type Hashed<T> = (item: T, digest: string | undefined) => void;

interface Crew<T> {
  readonly worker: Worker;
  /** Batches sent and not yet answered, in order. */
  readonly sent: (readonly T[])[];
}

/** A pool for one tree. Files are added while the walk goes on; `finish` waits for all of them. */
export class HashPool<T extends PoolItem> {
  readonly #crew: Crew<T>[] = [];
  readonly #queue: (readonly T[])[] = [];
  readonly #hashed: Hashed<T>;
  #batch: T[] = [];
  #bytes = 0;
  #incomplete = false;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;

  /** @param callerHelps the caller keeps a core busy itself, with what it steals */
  constructor(data: HashWorkerData, hashed: Hashed<T>, callerHelps = false) {
    this.#hashed = hashed;
    const cores = availableParallelism() - (callerHelps ? 1 : 0);
    const count = Math.max(1, Math.min(cores, MAX_WORKERS));
    for (let i = 0; i < count; i += 1) this.#crew.push(this.#hire(data));
  }

  /** An extended attribute somewhere could not be read. */
  get incomplete(): boolean {
    return this.#incomplete;
  }

  add(item: T): void {
    this.#batch.push(item);
    this.#bytes += item.file.size;
    if (this.#batch.length >= BATCH_FILES || this.#bytes >= BATCH_BYTES) this.#flush();
  }

  /**
   * A batch that no thread has begun, for the caller to read; undefined when the threads will soon have begun all.
   * @param all also when little is queued
   */
  steal(all: boolean): readonly T[] | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    if (all) this.#flush();
    const last = this.#queue.length - 1;
    if (last < 0 || (!all && last < MAX_QUEUED)) return undefined;
    const batch = this.#queue[last]!;
    return batch.some(({ file }) => file.size > STEALABLE_BYTES) ? undefined : this.#queue.pop();
  }

  /** Waits while so much is queued that the caller had better not run further ahead. */
  async drain(): Promise<void> {
    while (this.#failure === undefined && this.#queue.length > MAX_QUEUED) await this.#nextAnswer();
    if (this.#failure !== undefined) throw this.#failure;
  }

  /**
   * Waits until every file is hashed.
   * @throws CtxsrcError `E_PERMISSION` or `E_IO` for the first file that could not be read
   */
  async finish(): Promise<void> {
    this.#flush();
    while (this.#failure === undefined && this.#crew.some(({ sent }) => sent.length > 0)) await this.#nextAnswer();
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Ends all threads at once, whatever they are doing. */
  async close(): Promise<void> {
    this.#fail(new Error('closed'));
    await Promise.all(this.#crew.map(({ worker }) => worker.terminate()));
  }

  #nextAnswer(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #hire(data: HashWorkerData): Crew<T> {
    const worker = new Worker(workerUrl('worker-hash'), { workerData: data });
    const crew: Crew<T> = { worker, sent: [] };
    worker.on('message', (batch: HashedBatch) => this.#receive(crew, batch));
    worker.on('error', (error) => this.#fail(error));
    return crew;
  }

  #flush(): void {
    if (this.#batch.length === 0) return;
    this.#queue.push(this.#batch);
    this.#batch = [];
    this.#bytes = 0;
    for (const crew of this.#crew) this.#feed(crew);
  }

  #feed(crew: Crew<T>): void {
    while (crew.sent.length < IN_FLIGHT) {
      const items = this.#queue.shift();
      if (items === undefined) return;
      crew.sent.push(items);
      crew.worker.postMessage(pack(items));
    }
  }

  #receive(crew: Crew<T>, batch: HashedBatch): void {
    const items = crew.sent.shift()!;
    this.#incomplete ||= batch.incomplete;
    if (batch.failure !== undefined) {
      const { path, code, message } = batch.failure;
      this.#fail(ioError(Object.assign(new Error(message), { code }), `cannot read ${printable(textOfBytes(path))}`));
      return;
    }
    this.#feed(crew);
    for (let i = 0; i < items.length; i += 1) this.#hashed(items[i]!, batch.digests[i]);
    this.#wake?.();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#wake?.();
  }
}

function pack(items: readonly PoolItem[]): HashBatch {
  const numbers = new Float64Array(items.length * TASK_FIELDS);
  let at = 0;
  for (const { file } of items) {
    numbers[at] = file.mode;
    numbers[at + 1] = file.uid;
    numbers[at + 2] = file.gid;
    numbers[at + 3] = file.size;
    numbers[at + 4] = file.ino;
    numbers[at + 5] = file.mtimeMs;
    numbers[at + 6] = file.ctimeMs;
    at += TASK_FIELDS;
  }
  return { paths: items.map(({ path }) => path), numbers };
}
