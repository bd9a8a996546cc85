/**
 * Threads that read the files of a tree during its walk. The rows of `../entry/rows.ts` are in memory that all threads
 * share. Each thread goes through the rows, claims the next waiting file (an atomic change of its state from `WAITING`
 * to `TAKEN`), reads it and writes the digest into the row. There is no message per file; the words of `pool-state.ts`,
 * also shared, wake the threads after rows were added and say when no more will come.
 */
import { ThreadGroup, threadCount } from '../../core/thread/thread.ts';
import type { DigestTask } from './file-digester.ts';
import { ENDED, HASHED, HASHED_FILES, type HashThreadData, INCOMPLETE, STOPPED, VERSION, WORDS } from './pool-state.ts';

/** More threads gain nothing and cost memory. One helps on a single core, too: it reads during the walk. */
const MOST_THREADS = 8;

export class HashPool {
  readonly #control = new Int32Array(new SharedArrayBuffer(WORDS * Int32Array.BYTES_PER_ELEMENT));
  readonly #threads: ThreadGroup;
  /**
   * Resolves when no file is left, after `end`, or after `close`; rejects with the reason of an abort.
   * @throws CtxsrcError `E_PERMISSION` or `E_IO` for the first file that could not be read
   */
  readonly ended: Promise<void>;

  /** Starts a thread for each core except one: the caller's thread reads files, too. */
  constructor(task: DigestTask, signal: AbortSignal | undefined) {
    const data = new Array<HashThreadData>(threadCount(MOST_THREADS, 1)).fill({ task, control: this.#control });
    this.#threads = new ThreadGroup({ name: 'worker-hash', data, signal });
    this.ended = this.#threads.ended;
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
    this.#threads.send(chunk);
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
    Atomics.store(this.#control, STOPPED, 1);
    this.wake();
    await this.#threads.gone;
  }
}
