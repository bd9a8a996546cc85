/** Reads the files of a table's rows, on all cores when there is much to read, while rows are still added. */
import { ioError } from '../core/errors.ts';
import { printable } from '../core/printable.ts';
import { textOfBytes } from './byte-string.ts';
import { type EntryRows, EntryTable, FIRST_ROW, WAITING } from './entry-rows.ts';
import { type DigestTask, FileDigester, type LargeFile } from './file-digester.ts';
import type { HashCrew } from './hash-crew.ts';
import type { Slices } from './slices.ts';

/** Threads, which need some 100 ms to start, are hired when so many files wait, or so many bytes were read and others wait. */
const MANY_FILES = 500;
const MANY_BYTES = 32 << 20;

export class RowHasher {
  readonly table = new EntryTable((chunk) => this.#crew?.send(chunk));
  readonly #task: DigestTask;
  readonly #slices: Slices;
  readonly #signal: AbortSignal | undefined;
  #digester: FileDigester | undefined;
  #crew: HashCrew | undefined;
  #hashedBytes = 0;

  constructor(task: DigestTask, slices: Slices, signal: AbortSignal | undefined) {
    this.#task = task;
    this.#slices = slices;
    this.#signal = signal;
  }

  /** An extended attribute somewhere could not be read. */
  get incomplete(): boolean {
    return this.#digester?.incomplete === true || this.#crew?.incomplete === true;
  }

  get hashedBytes(): number {
    return this.#hashedBytes + (this.#crew?.hashedBytes ?? 0);
  }

  /** Lets threads have what was added. @param waiting files among the rows so far that have to be read */
  async publish(waiting: number): Promise<void> {
    this.table.publish();
    if (this.#crew !== undefined) this.#crew.wake();
    else if (waiting >= MANY_FILES) await this.#hire();
  }

  /**
   * Reads every file that waits. Rows that are no longer what was seen are `CHANGED` afterwards.
   * @throws CtxsrcError `E_PERMISSION` or `E_IO` for a file that cannot be read; the reason of the abort
   */
  async finish(): Promise<void> {
    this.table.publish();
    this.#crew?.wake();
    // From the other end than the threads.
    for (const rows of this.table.chunks.toReversed()) {
      const waiting = waitingRows(rows);
      for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
        if (!rows.take(at)) continue;
        if (this.#hashedBytes > MANY_BYTES && this.#crew === undefined) await this.#hire();
        const large = this.#begin(rows, at);
        if (large !== undefined) await this.#goOn(large, rows, at);
        this.#hashedBytes += rows.size(at);
        if (this.#slices.over) await this.#slices.pause();
      }
    }
    const crew = this.#crew;
    if (crew === undefined) return;
    await this.#interruptible(crew, crew.finish());
  }

  async close(): Promise<void> {
    await this.#crew?.close();
  }

  async #hire(): Promise<void> {
    const { HashCrew } = await import('./hash-crew.ts');
    this.#crew = new HashCrew(this.#task);
    for (const { bytes } of this.table.chunks) this.#crew.send(bytes.buffer);
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
    try {
      for (;;) {
        if (!stepped(large, rows, at)) return;
        if (this.#slices.over) await this.#slices.pause();
      }
    } finally {
      large.close();
    }
  }

  /** Waits for the threads; an abort ends them. */
  async #interruptible(crew: HashCrew, waiting: Promise<void>): Promise<void> {
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

function waitingRows(rows: EntryRows): number[] {
  const found: number[] = [];
  for (let at = FIRST_ROW; at < rows.end; at = rows.next(at)) if (rows.state(at) === WAITING) found.push(at);
  return found;
}
