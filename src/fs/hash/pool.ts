/**
 * Threads that read the files of a tree during its walk. The rows of `../entry/rows.ts` are in memory that all threads
 * share. Each thread goes through the rows, claims the next waiting file (an atomic change of its state from `WAITING`
 * to `TAKEN`), reads it and writes the digest into the row. There is no message per file; the words of `pool-state.ts`,
 * also shared, wake the threads after rows were added and say when no more will come.
 */
import { availableParallelism } from 'node:os';
import type { Worker } from 'node:worker_threads';
import { ioError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { startThread } from '../../core/thread/thread.ts';
import { textOfBytes } from '../byte-string.ts';
import type { DigestTask } from './file-digester.ts';
import {
  ENDED,
  HASHED,
  HASHED_FILES,
  type HashThreadData,
  INCOMPLETE,
  type ReadFailure,
  STOPPED,
  VERSION,
  WORDS,
} from './pool-state.ts';

/** More threads gain nothing and cost memory. */
const MAX_WORKERS = 8;
export class HashPool {
  readonly #control = new Int32Array(new SharedArrayBuffer(WORDS * Int32Array.BYTES_PER_ELEMENT));
  readonly #workers: Worker[] = [];
  readonly #ends: readonly Promise<void>[];
  /**
   * Resolves when no file is left, after `end`; rejects if the pool is closed before.
   * @throws CtxsrcError `E_PERMISSION` or `E_IO` for the first file that could not be read
   */
  readonly ended: Promise<unknown>;
  #closed = false;

  /** Starts a thread for each core except one: the caller's thread reads files, too. */
  constructor(task: DigestTask) {
    const count = Math.max(1, Math.min(availableParallelism() - 1, MAX_WORKERS));
    this.#ends = Array.from({ length: count }, () => this.#startThread({ task, control: this.#control }));
    this.ended = Promise.all(this.#ends);
    // Avoids an unhandled rejection if nobody awaits `ended`.
    this.ended.catch(() => undefined);
  }

  /** True if an extended attribute could not be read. */
  get incomplete(): boolean {
    return Atomics.load(this.#control, INCOMPLETE) === 1;
  }

  /** Bytes read so far, to about a mebibyte per thread. */
  get hashedBytes(): number {
    return Atomics.load(this.#control, HASHED) * 1024;
  }

  /** Files read so far, to some dozens per thread. */
  get hashedFiles(): number {
    return Atomics.load(this.#control, HASHED_FILES);
  }

  /** Gives the threads a chunk of rows. Rows are added to it later. */
  send(chunk: ArrayBufferLike): void {
    for (const worker of this.#workers) worker.postMessage(chunk);
    this.wake();
  }

  /** Tells the threads that rows were added. */
  wake(): void {
    Atomics.add(this.#control, VERSION, 1);
    Atomics.notify(this.#control, VERSION);
  }

  /** Tells the threads that no more rows will be added. */
  end(): void {
    Atomics.store(this.#control, ENDED, 1);
    this.wake();
  }

  /** Stops all threads, each after its current piece: a thread that is terminated earlier leaves its file open. */
  async close(): Promise<void> {
    this.#closed = true;
    Atomics.store(this.#control, STOPPED, 1);
    this.wake();
    await Promise.allSettled(this.#ends);
    // Terminating the threads is faster than waiting for their own end.
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  #startThread(data: HashThreadData): Promise<void> {
    const worker = startThread('worker-hash', data);
    this.#workers.push(worker);
    return new Promise((resolve, reject) => {
      worker.once('message', (failure: ReadFailure | undefined) => {
        if (failure !== undefined) reject(readError(failure));
        else if (this.#closed) reject(new Error('closed before all was read'));
        else resolve();
      });
      worker.once('error', reject);
      worker.once('exit', () => reject(new Error('a thread ended before its work')));
    });
  }
}

function readError({ path, code, message }: ReadFailure): Error {
  return ioError(Object.assign(new Error(message), { code }), `cannot read ${printable(textOfBytes(path))}`);
}
