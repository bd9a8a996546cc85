/**
 * Threads that read the files of a tree while it is still walked. The rows of `../entry/rows.ts` lie in memory that all
 * threads share: each thread goes through them, takes the next file that waits (its state changes from `WAITING` to
 * `TAKEN` in one step, so that no two take it), reads it and puts the digest into the row. Nothing is told of a single
 * file; the few words of `pool-state.ts`, shared too, wake the threads when rows were added and say when none will be.
 */
import { availableParallelism } from 'node:os';
import type { Worker } from 'node:worker_threads';
import { ioError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { startThread } from '../../core/thread/thread.ts';
import { textOfBytes } from '../byte-string.ts';
import type { DigestTask } from './file-digester.ts';
import {
  type CrewData,
  ENDED,
  HASHED,
  HASHED_FILES,
  INCOMPLETE,
  type ReadFailure,
  STOPPED,
  VERSION,
  WORDS,
} from './pool-state.ts';

/** More threads than this gain nothing and cost memory. */
const MAX_WORKERS = 8;
export class HashPool {
  readonly #control = new Int32Array(new SharedArrayBuffer(WORDS * Int32Array.BYTES_PER_ELEMENT));
  readonly #workers: Worker[] = [];
  readonly #ends: readonly Promise<void>[];
  /**
   * Resolves when no file is left, after `end`; rejects when it is closed before.
   * @throws CtxsrcError `E_PERMISSION` or `E_IO` for the first file that could not be read
   */
  readonly ended: Promise<unknown>;
  #closed = false;

  /** Hires a thread for each core but the caller's, who reads files too. */
  constructor(task: DigestTask) {
    const count = Math.max(1, Math.min(availableParallelism() - 1, MAX_WORKERS));
    this.#ends = Array.from({ length: count }, () => this.#hire({ task, control: this.#control }));
    this.ended = Promise.all(this.#ends);
    // Whoever waits for it is told; who never does need not know.
    this.ended.catch(() => undefined);
  }

  /** An extended attribute somewhere could not be read. */
  get incomplete(): boolean {
    return Atomics.load(this.#control, INCOMPLETE) === 1;
  }

  /** Bytes read so far, to about a mebibyte for each thread. */
  get hashedBytes(): number {
    return Atomics.load(this.#control, HASHED) * 1024;
  }

  /** Files read so far, to some dozens for each thread. */
  get hashedFiles(): number {
    return Atomics.load(this.#control, HASHED_FILES);
  }

  /** A chunk of rows; they follow in it. */
  send(chunk: ArrayBufferLike): void {
    for (const worker of this.#workers) worker.postMessage(chunk);
    this.wake();
  }

  /** Tells the threads that there are rows. */
  wake(): void {
    Atomics.add(this.#control, VERSION, 1);
    Atomics.notify(this.#control, VERSION);
  }

  /** Tells the threads that there are no more rows than those that can be seen. */
  end(): void {
    Atomics.store(this.#control, ENDED, 1);
    this.wake();
  }

  /** Ends all threads, each after the piece that it reads: one that is ended within it would leave its file open. */
  async close(): Promise<void> {
    this.#closed = true;
    Atomics.store(this.#control, STOPPED, 1);
    this.wake();
    await Promise.allSettled(this.#ends);
    // Sooner than they end by themselves.
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  #hire(data: CrewData): Promise<void> {
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
