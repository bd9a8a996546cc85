/**
 * Files that one thread has read and another may write. The thread that applies layers offers a file. Either thread may
 * claim it: the decompressing thread when it has nothing to decompress, or the offering thread when it has to wait.
 * Everything is in shared memory; a job contains a copy of its file's content. Without it a snapshot of many small files
 * takes 1.4 times as long (bench/RESULTS.md).
 */
import type { DigestTable } from '../apply/digest-table.ts';
import { type PlainFile, writePlainFile } from '../apply/plain-file.ts';

const JOBS = 64;
const JOB_SIZE = 32 << 10;
/** Header of a job, before path and content: 32-bit numbers, the time as a double, and room for the digest. */
const PATH_LENGTH = 0;
const CONTENT_LENGTH = 1;
const MODE = 2;
const CHMOD = 3;
const IS_TEXT = 4;
/** Index in doubles. */
const MTIME = 3;
const DIGEST_AT = 32;
const DIGEST_LENGTH = 32;
const BODY_AT = DIGEST_AT + DIGEST_LENGTH;

const FREE = 0;
const OFFERED = 1;
const TAKEN = 2;
const DONE = 3;

export interface JobMemory {
  readonly data: SharedArrayBuffer;
  readonly states: SharedArrayBuffer;
}

export function jobMemory(): JobMemory {
  return { data: new SharedArrayBuffer(JOBS * JOB_SIZE), states: new SharedArrayBuffer(4 * JOBS) };
}

export class FileJobs {
  readonly #states: Int32Array;
  readonly #jobs: Buffer[];
  readonly #numbers: Int32Array[];
  readonly #times: Float64Array[];
  /** Where the search for the next free job begins, and for the next job to do. */
  #nextOffer = 0;
  #nextWork = 0;
  readonly #digests: DigestTable | undefined;
  /** Index in the table for the digest of each offered job. */
  readonly #places = new Int32Array(JOBS);

  /** @param digests receives the digests of offered files */
  constructor({ data, states }: JobMemory, digests?: DigestTable) {
    this.#states = new Int32Array(states);
    this.#jobs = Array.from({ length: JOBS }, (_, i) => Buffer.from(data, i * JOB_SIZE, JOB_SIZE));
    this.#numbers = this.#jobs.map((job) => new Int32Array(data, job.byteOffset, DIGEST_AT / 4));
    this.#times = this.#jobs.map((job) => new Float64Array(data, job.byteOffset, DIGEST_AT / 8));
    this.#digests = digests;
  }

  /**
   * Offers a file, with the index for its digest.
   * @returns false if it is too large or no job is free: then the caller has to write it
   */
  offer(file: PlainFile, place: number): boolean {
    const { path, mode, chmod, mtime, content } = file;
    if (BODY_AT + path.length + content.length > JOB_SIZE) return false;
    const index = this.#nextOffer;
    const state = Atomics.load(this.#states, index);
    if (state === DONE) this.#collect(index);
    else if (state !== FREE) return false;
    const job = this.#jobs[index]!;
    const numbers = this.#numbers[index]!;
    numbers[PATH_LENGTH] = path.length;
    numbers[CONTENT_LENGTH] = content.length;
    numbers[MODE] = mode;
    numbers[CHMOD] = chmod ? 1 : 0;
    numbers[IS_TEXT] = typeof path === 'string' ? 1 : 0;
    this.#times[index]![MTIME] = mtime;
    if (typeof path === 'string') job.write(path, BODY_AT, 'latin1');
    else path.copy(job, BODY_AT);
    content.copy(job, BODY_AT + path.length);
    this.#places[index] = place;
    Atomics.store(this.#states, index, OFFERED);
    this.#nextOffer = (index + 1) % JOBS;
    return true;
  }

  /**
   * Claims one job and does it. A failed job of the offering thread is free again, so that `collectAll` can become true
   * after a failure; one of the other thread stays taken, because its digest is missing.
   * @returns false if there is none
   */
  work(): boolean {
    for (let i = 0; i < JOBS; i += 1) {
      const index = (this.#nextWork + i) % JOBS;
      if (Atomics.load(this.#states, index) !== OFFERED) continue;
      if (Atomics.compareExchange(this.#states, index, OFFERED, TAKEN) !== OFFERED) continue;
      this.#nextWork = (index + 1) % JOBS;
      try {
        this.#run(index);
      } catch (error) {
        if (this.#digests !== undefined) Atomics.store(this.#states, index, FREE);
        throw error;
      }
      Atomics.store(this.#states, index, DONE);
      return true;
    }
    return false;
  }

  /** For the offering thread: collects digests of written files; true if all offered files are written. */
  collectAll(): boolean {
    let all = true;
    for (let index = 0; index < JOBS; index += 1) {
      const state = Atomics.load(this.#states, index);
      if (state === DONE) this.#collect(index);
      else if (state !== FREE) all = false;
    }
    return all;
  }

  #collect(index: number): void {
    this.#digests!.copy(this.#places[index]!, this.#jobs[index]!, DIGEST_AT);
    Atomics.store(this.#states, index, FREE);
  }

  #run(index: number): void {
    const job = this.#jobs[index]!;
    const numbers = this.#numbers[index]!;
    const pathEnd = BODY_AT + numbers[PATH_LENGTH]!;
    const isText = numbers[IS_TEXT] === 1;
    const digest = writePlainFile({
      // Copied, because file system functions do not accept a path in shared memory.
      path: isText ? job.toString('latin1', BODY_AT, pathEnd) : Buffer.from(job.subarray(BODY_AT, pathEnd)),
      content: job.subarray(pathEnd, pathEnd + numbers[CONTENT_LENGTH]!),
      mode: numbers[MODE]!,
      chmod: numbers[CHMOD] === 1,
      mtime: this.#times[index]![MTIME]!,
    });
    job.write(digest, DIGEST_AT, DIGEST_LENGTH, 'latin1');
  }
}
