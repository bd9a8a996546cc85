/** Threads that hash files on all cores. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { ioError } from '../core/errors.ts';
import { printable } from '../core/printable.ts';
import { workerArguments, workerUrl } from '../core/worker-url.ts';
import { type ByteString, textOfBytes } from './byte-string.ts';
import type { FileTask } from './file-digest.ts';
import { claimBatch, type HashAnswer, type HashBatch, type HashWorkerData, TASK_FIELDS } from './hash-batch.ts';

/** More threads than this gain nothing and cost memory. */
const MAX_WORKERS = 8;
/** A batch ends at so many files or bytes, whichever comes first. */
const BATCH_FILES = 64;
const BATCH_BYTES = 8 << 20;
/** When more batches than this are queued, the walk stops to help, so that memory does not grow with the tree. */
const MAX_QUEUED = 32;
/** Reading a larger file would hold the caller's event loop up for more than some hundredths of a second. */
const STEALABLE_BYTES = 64 << 20;
/**
 * A worker has so many batches or bytes at once, whichever comes first: enough to be busy until the caller, which walks
 * and reads itself, looks at the answers again.
 */
const IN_FLIGHT = 24;
const IN_FLIGHT_BYTES = 64 << 20;

/** What the pool needs of a file, and gives back when it is hashed. */
export interface PoolItem {
  readonly path: ByteString;
  readonly file: FileTask;
}

/** Receives the digest of a file, or undefined when the file has changed since the walk. */
export type Hashed<T> = (item: T, digest: string | undefined) => void;

/** Files that are hashed by one thread, one after the other. */
interface Batch<T> {
  readonly items: readonly T[];
  readonly bytes: number;
  readonly claim: Int32Array;
}

interface Crew<T> {
  readonly worker: Worker;
  /** Batches sent and not yet answered, in order. */
  readonly sent: Batch<T>[];
  bytes: number;
}

/** A pool for one tree. Files are added while the walk goes on; `finish` waits for all of them. */
export class HashPool<T extends PoolItem> {
  readonly #crew: Crew<T>[] = [];
  readonly #queue: Batch<T>[] = [];
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
   * @param all also when little is queued, or when a thread has it before it
   */
  steal(all: boolean): readonly T[] | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    if (all) this.#flush();
    const last = this.#queue.at(-1);
    if (last === undefined) return all ? this.#stealSent() : undefined;
    if ((!all && this.#queue.length <= MAX_QUEUED) || !isStealable(last)) return undefined;
    this.#queue.pop();
    return last.items;
  }

  /** A batch that lies before a thread; the last one, which it would begin last. */
  #stealSent(): readonly T[] | undefined {
    for (const { sent } of this.#crew) {
      for (let i = sent.length - 1; i >= 0; i -= 1) {
        const batch = sent[i]!;
        if (isStealable(batch) && claimBatch(batch.claim)) return batch.items;
      }
    }
    return undefined;
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
    const worker = new Worker(workerUrl('worker-hash'), { execArgv: workerArguments(), workerData: data });
    const crew: Crew<T> = { worker, sent: [], bytes: 0 };
    worker.on('message', (answer: HashAnswer) => this.#receive(crew, answer));
    worker.on('error', (error) => this.#fail(error));
    return crew;
  }

  #flush(): void {
    if (this.#batch.length === 0) return;
    const claim = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
    this.#queue.push({ items: this.#batch, bytes: this.#bytes, claim });
    this.#batch = [];
    this.#bytes = 0;
    for (const crew of this.#crew) this.#feed(crew);
  }

  #feed(crew: Crew<T>): void {
    while (crew.sent.length < IN_FLIGHT && crew.bytes < IN_FLIGHT_BYTES) {
      const batch = this.#queue.shift();
      if (batch === undefined) return;
      crew.sent.push(batch);
      crew.bytes += batch.bytes;
      crew.worker.postMessage(pack(batch));
    }
  }

  #receive(crew: Crew<T>, answer: HashAnswer): void {
    const { items, bytes } = crew.sent.shift()!;
    crew.bytes -= bytes;
    this.#incomplete ||= answer?.incomplete === true;
    if (answer?.failure !== undefined) {
      const { path, code, message } = answer.failure;
      this.#fail(ioError(Object.assign(new Error(message), { code }), `cannot read ${printable(textOfBytes(path))}`));
      return;
    }
    this.#feed(crew);
    if (answer !== undefined) for (let i = 0; i < items.length; i += 1) this.#hashed(items[i]!, answer.digests[i]);
    this.#wake?.();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#wake?.();
  }
}

function isStealable({ items }: Batch<PoolItem>): boolean {
  return items.every(({ file }) => file.size <= STEALABLE_BYTES);
}

function pack({ items, claim }: Batch<PoolItem>): HashBatch {
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
  return { paths: items.map(({ path }) => path), numbers, claim };
}
