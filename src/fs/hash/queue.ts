/** Reads the files of a table's rows, on all cores when there is much to read, while rows are still added. */
import { ioError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { textOfBytes } from '../byte-string.ts';
import { type EntryRows, EntryTable, FIRST_ROW, TAKEN, WAITING } from '../entry/rows.ts';
import type { Slices } from '../walk/slices.ts';
import { type DigestTask, FileDigester, type LargeFile } from './file-digester.ts';
import type { HashPool } from './pool.ts';

/** Threads, which need some 100 ms to start, are hired when so many files wait, or so many bytes were read and others wait. */
const HIRE_AT: HireAt = { files: 500, bytes: 32 << 20 };

export interface HireAt {
  readonly files: number;
  readonly bytes: number;
}

export class HashQueue {
  readonly table = new EntryTable((chunk) => this.#crew?.send(chunk));
  readonly #task: DigestTask;
  readonly #slices: Slices;
  readonly #signal: AbortSignal | undefined;
  readonly #hireAt: HireAt;
  #digester: FileDigester | undefined;
  #crew: HashPool | undefined;
  #hashedBytes = 0;
  #hashedFiles = 0;
  #hasEnded = false;
  /** Before this row nothing waits: its chunk and its place there. */
  #chunk = 0;
  #at = FIRST_ROW;

  constructor(task: DigestTask, slices: Slices, signal: AbortSignal | undefined, hireAt: HireAt = HIRE_AT) {
    this.#task = task;
    this.#slices = slices;
    this.#signal = signal;
    this.#hireAt = hireAt;
  }

  /** An extended attribute somewhere could not be read. */
  get incomplete(): boolean {
    return this.#digester?.incomplete === true || this.#crew?.incomplete === true;
  }

  get hashedBytes(): number {
    return this.#hashedBytes + (this.#crew?.hashedBytes ?? 0);
  }

  get hashedFiles(): number {
    return this.#hashedFiles + (this.#crew?.hashedFiles ?? 0);
  }

  /** Lets threads have what was added. @param waiting files among the rows so far that have to be read */
  async publish(waiting: number): Promise<void> {
    this.table.publish();
    if (this.#crew !== undefined) this.#crew.wake();
    else if (waiting >= this.#hireAt.files) await this.#hire();
  }

  /** The last row was added. */
  end(): void {
    this.#hasEnded = true;
    this.table.publish();
    this.#crew?.end();
  }

  /**
   * Reads files that wait, in order, until that of a row was read by whomever. A row that is no longer what was seen is
   * `CHANGED` then.
   * @throws CtxsrcError `E_PERMISSION` or `E_IO` for a file that cannot be read; the reason of the abort
   */
  async until(rows: EntryRows, at: number): Promise<void> {
    while (isPending(rows.state(at))) {
      if (await this.#readSlice()) continue;
      await this.#crewEnd();
      return;
    }
  }

  /**
   * Reads every file that waits; the last row was added.
   * @throws as `until`
   */
  async finish(): Promise<void> {
    if (!this.#hasEnded) this.end();
    while (await this.#readSlice());
    await this.#crewEnd();
  }

  /** Rows wait again that were read before. */
  again(): void {
    // The directory itself may be another one by now.
    this.#digester?.close();
    this.#chunk = 0;
    this.#at = FIRST_ROW;
  }

  async close(): Promise<void> {
    try {
      this.#digester?.close();
    } finally {
      await this.#crew?.close();
    }
  }

  async #hire(): Promise<void> {
    const { HashPool } = await import('./pool.ts');
    this.#crew = new HashPool(this.#task);
    for (const { bytes } of this.table.chunks) this.#crew.send(bytes.buffer);
    if (this.#hasEnded) this.#crew.end();
  }

  /** Reads the next files that wait, for as long as may be without a pause. False when none is left. */
  async #readSlice(): Promise<boolean> {
    for (let rows = this.#findNext(); rows !== undefined; rows = this.#findNext()) {
      const at = this.#at;
      this.#at = rows.next(at);
      if (!rows.take(at)) continue;
      if (this.#hashedBytes > this.#hireAt.bytes && this.#crew === undefined) await this.#hire();
      const large = this.#begin(rows, at);
      if (large === undefined) this.#hashedBytes += rows.size(at);
      else await this.#goOn(large, rows, at);
      this.#hashedFiles += 1;
      if (!this.#slices.over) continue;
      await this.#slices.pause();
      return true;
    }
    return false;
  }

  /** The chunk of the next row; undefined when there is none. */
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

  async #crewEnd(): Promise<void> {
    if (this.#crew !== undefined) await this.#interruptible(this.#crew, this.#crew.ended);
  }

  /** Reads a file, or the first piece of a large one. */
  #begin(rows: EntryRows, at: number): LargeFile | undefined {
    this.#digester ??= new FileDigester(this.#task);
    try {
      return this.#digester.digest(rows, at);
    } catch (error) {
      throw readError(error, rows, at);
    }
  }

  async #goOn(large: LargeFile, rows: EntryRows, at: number): Promise<void> {
    const before = this.#hashedBytes;
    try {
      for (;;) {
        const isLast = !stepped(large, rows, at);
        this.#hashedBytes = before + large.hashed;
        if (isLast) return;
        if (this.#slices.over) await this.#slices.pause();
      }
    } finally {
      large.close();
    }
  }

  /** Waits for the threads; an abort ends them. */
  async #interruptible(crew: HashPool, waiting: Promise<unknown>): Promise<void> {
    const stop = (): void => void crew.close();
    this.#signal?.addEventListener('abort', stop, { once: true });
    const ticker = setInterval(() => this.#slices.tick(), 100);
    try {
      await waiting;
    } catch (error) {
      this.#signal?.throwIfAborted();
      throw error;
    } finally {
      clearInterval(ticker);
      this.#signal?.removeEventListener('abort', stop);
    }
  }
}

function stepped(large: LargeFile, rows: EntryRows, at: number): boolean {
  try {
    return large.step();
  } catch (error) {
    throw readError(error, rows, at);
  }
}

function readError(error: unknown, rows: EntryRows, at: number): Error {
  return ioError(error, `cannot read ${printable(textOfBytes(rows.path(at)))}`);
}

function isPending(state: number): boolean {
  return state === WAITING || state === TAKEN;
}
