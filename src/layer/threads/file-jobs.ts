/**
 * Files that one thread has read and another may write. The thread that applies layers offers a file; whoever gets to it
 * first takes it: the decompressing thread when it has nothing to decompress, or the offering thread itself when it must
 * wait. Everything is in shared memory; a job holds a copy of its file's content.
 */
import type { DigestTable } from '../apply/digest-table.ts';
import { type PlainFile, writePlainFile } from '../apply/plain-file.ts';

const JOBS = 64;
const JOB_SIZE = 32 << 10;
/** In front of path and content: 32-bit numbers, the time as a double, and room for the digest. */
const PATH_LENGTH = 0;
const CONTENT_LENGTH = 1;
const MODE = 2;
const CHMOD = 3;
const IS_TEXT = 4;
/** Counted in doubles. */
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
  /** Where to look for a free job next, and for one to do. */
  #nextOffer = 0;
  #nextWork = 0;
  readonly #digests: DigestTable | undefined;
  /** Where in it the digest of each job that was offered belongs. */
  readonly #places = new Int32Array(JOBS);

  /** @param digests where `offer` has digests put */
  constructor({ data, states }: JobMemory, digests?: DigestTable) {
    this.#states = new Int32Array(states);
    this.#jobs = Array.from({ length: JOBS }, (_, i) => Buffer.from(data, i * JOB_SIZE, JOB_SIZE));
    this.#numbers = this.#jobs.map((job) => new Int32Array(data, job.byteOffset, DIGEST_AT / 4));
    this.#times = this.#jobs.map((job) => new Float64Array(data, job.byteOffset, DIGEST_AT / 8));
    this.#digests = digests;
  }

  /** Offers a file, whose digest has its place. @returns false when it is too large or all jobs are waiting: write it yourself */
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

  /** Takes one job and does it. @returns false when there is none */
  work(): boolean {
    for (let i = 0; i < JOBS; i += 1) {
      const index = (this.#nextWork + i) % JOBS;
      if (Atomics.load(this.#states, index) !== OFFERED) continue;
      if (Atomics.compareExchange(this.#states, index, OFFERED, TAKEN) !== OFFERED) continue;
      this.#nextWork = (index + 1) % JOBS;
      this.#run(index);
      Atomics.store(this.#states, index, DONE);
      return true;
    }
    return false;
  }

  /** The offering thread: whether everything it offered is written. Collects what is. */
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
      // Copied: a path in shared memory is none that the file system functions take.
      path: isText ? job.toString('latin1', BODY_AT, pathEnd) : Buffer.from(job.subarray(BODY_AT, pathEnd)),
      content: job.subarray(pathEnd, pathEnd + numbers[CONTENT_LENGTH]!),
      mode: numbers[MODE]!,
      chmod: numbers[CHMOD] === 1,
      mtime: this.#times[index]![MTIME]!,
    });
    job.write(digest, DIGEST_AT, DIGEST_LENGTH, 'latin1');
  }
}
