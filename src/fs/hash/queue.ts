/** Reads the files of a table's rows while rows are still added, on all cores when there is much to read. */
import { type EntryRows, FIRST_ROW, TAKEN, WAITING } from '../entry/rows.ts';
import { EntryTable } from '../entry/table.ts';
import type { Slices } from '../walk/slices.ts';
import { type DigestTask, FileDigester, type LargeFile } from './file-digester.ts';
import type { HashPool } from './pool.ts';

/** When threads, which need 100 ms to start, pay: so many files wait, or so many bytes were read and more wait. */
const THREADS_AT: ThreadsAt = { files: 500, bytes: 32 << 20 };

export interface ThreadsAt {
  readonly files: number;
  readonly bytes: number;
}

export class HashQueue {
  readonly table = new EntryTable((chunk) => this.#pool?.send(chunk));
  readonly #task: DigestTask;
  readonly #slices: Slices;
  readonly #signal: AbortSignal | undefined;
  readonly #threadsAt: ThreadsAt;
  #digester: FileDigester | undefined;
  #pool: HashPool | undefined;
  #hashedBytes = 0;
  #hashedFiles = 0;
  #hasEnded = false;
  /** The first row that may be waiting: its chunk and its offset there. All earlier rows are done. */
  #chunk = 0;
  #at = FIRST_ROW;

  constructor(task: DigestTask, slices: Slices, signal: AbortSignal | undefined, threadsAt: ThreadsAt = THREADS_AT) {
    this.#task = task;
    this.#slices = slices;
    this.#signal = signal;
    this.#threadsAt = threadsAt;
  }

  /** True if an extended attribute could not be read. */
  get incomplete(): boolean {
    return this.#digester?.incomplete === true || this.#pool?.incomplete === true;
  }

  get hashedBytes(): number {
    return this.#hashedBytes + (this.#pool?.hashedBytes ?? 0);
  }

  get hashedFiles(): number {
    return this.#hashedFiles + (this.#pool?.hashedFiles ?? 0);
  }

  /**
   * Makes the added rows visible to the threads.
   * @param waiting number of files so far that have to be read
   */
  async publish(waiting: number): Promise<void> {
    this.table.publish();
    if (this.#pool !== undefined) this.#pool.wake();
    else if (waiting >= this.#threadsAt.files) await this.#startPool();
  }

  /** Called after the last row was added. */
  end(): void {
    this.#hasEnded = true;
    this.table.publish();
    this.#pool?.end();
  }

  /**
   * Reads waiting files, in order, until the file of a row was read by any thread. A file that differs from its row is
   * `CHANGED` then.
   * @throws CtxsrcError `E_PERMISSION` or `E_IO` for a file that cannot be read; the reason of the abort
   */
  async until(rows: EntryRows, at: number): Promise<void> {
    while (isPending(rows.state(at))) {
      if (await this.#readSlice()) continue;
      await this.#poolEnd();
      return;
    }
  }

  /**
   * Reads all waiting files; called after the last row was added.
   * @throws as `until`
   */
  async finish(): Promise<void> {
    if (!this.#hasEnded) this.end();
    while (await this.#readSlice());
    await this.#poolEnd();
  }

  /** Called when rows that were read are waiting again. */
  restart(): void {
    // The root may have been replaced by another directory.
    this.#digester?.close();
    this.#chunk = 0;
    this.#at = FIRST_ROW;
  }

  async close(): Promise<void> {
    try {
      this.#digester?.close();
    } finally {
      await this.#pool?.close();
    }
  }

  async #startPool(): Promise<void> {
    const { HashPool } = await import('./pool.ts');
    this.#pool = new HashPool(this.#task, this.#signal);
    for (const { bytes } of this.table.chunks) this.#pool.send(bytes.buffer);
    if (this.#hasEnded) this.#pool.end();
  }

  /** Reads the next waiting files for one time slice. False when none is left. */
  async #readSlice(): Promise<boolean> {
    for (let rows = this.#findNext(); rows !== undefined; rows = this.#findNext()) {
      const at = this.#at;
      this.#at = rows.next(at);
      if (!rows.take(at)) continue;
      if (this.#hashedBytes > this.#threadsAt.bytes && this.#pool === undefined) await this.#startPool();
      this.#digester ??= new FileDigester(this.#task);
      const large = this.#digester.digest(rows, at);
      if (large === undefined) this.#hashedBytes += rows.size(at);
      else await this.#hashRest(large);
      this.#hashedFiles += 1;
      if (!this.#slices.over) continue;
      await this.#slices.pause();
      return true;
    }
    return false;
  }

  /** Finds the chunk of the next row; undefined if there is none. */
  #findNext(): EntryRows | undefined {
    const { chunks } = this.table;
    let rows = chunks[this.#chunk];
    while (rows !== undefined && this.#at >= rows.end) {
      this.#chunk += 1;
      this.#at = FIRST_ROW;
      rows = chunks[this.#chunk];
    }
    return rows;
  }

  async #poolEnd(): Promise<void> {
    if (this.#pool === undefined) return;
    const ticker = setInterval(() => this.#slices.tick(), 100);
    try {
      await this.#pool.ended;
    } finally {
      clearInterval(ticker);
    }
  }

  async #hashRest(large: LargeFile): Promise<void> {
    const before = this.#hashedBytes;
    try {
      for (;;) {
        const isLast = !large.step();
        this.#hashedBytes = before + large.hashed;
        if (isLast) return;
        if (this.#slices.over) await this.#slices.pause();
      }
    } finally {
      large.close();
    }
  }
}

function isPending(state: number): boolean {
  return state === WAITING || state === TAKEN;
}
