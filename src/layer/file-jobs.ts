/**
 * Files that one thread has read and another may write. The thread that applies layers offers a file; whoever gets to it
 * first takes it: the decompressing thread when it has nothing to decompress, or the offering thread itself when it must
 * wait. Everything is in shared memory; a job holds a copy of its file's content.
 */
import { type PlainFile, writePlainFile } from './plain-file.ts';

const JOBS = 64;
const JOB_SIZE = 32 << 10;
/** In front of path and content: five 32-bit numbers, the time as a double, and room for the digest. */
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
  /** Where to look for a free job next, and for one to do. */
  #nextOffer = 0;
  #nextWork = 0;
  /** What to do with the digest of each job that was offered. */
  readonly #onDone: (((digest: string) => void) | undefined)[] = [];

  constructor({ data, states }: JobMemory) {
    this.#states = new Int32Array(states);
    this.#jobs = Array.from({ length: JOBS }, (_, i) => Buffer.from(data, i * JOB_SIZE, JOB_SIZE));
  }

  /** Offers a file. @returns false when it is too large or all jobs are waiting: write it yourself */
  offer(file: PlainFile, onDone: (digest: string) => void): boolean {
    const { path, mode, chmod, mtime, content } = file;
    if (BODY_AT + path.length + content.length > JOB_SIZE) return false;
    const index = this.#nextOffer;
    const state = Atomics.load(this.#states, index);
    if (state === DONE) this.#collect(index);
    else if (state !== FREE) return false;
    const job = this.#jobs[index]!;
    job.writeUInt32LE(path.length, 0);
    job.writeUInt32LE(content.length, 4);
    job.writeUInt32LE(mode, 8);
    job.writeUInt32LE(chmod ? 1 : 0, 12);
    job.writeUInt32LE(typeof path === 'string' ? 1 : 0, 16);
    job.writeDoubleLE(mtime, 24);
    if (typeof path === 'string') job.write(path, BODY_AT, 'latin1');
    else path.copy(job, BODY_AT);
    content.copy(job, BODY_AT + path.length);
    this.#onDone[index] = onDone;
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
      this.#run(this.#jobs[index]!);
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
    this.#onDone[index]!(this.#jobs[index]!.toString('latin1', DIGEST_AT, DIGEST_AT + DIGEST_LENGTH));
    this.#onDone[index] = undefined;
    Atomics.store(this.#states, index, FREE);
  }

  #run(job: Buffer): void {
    const pathEnd = BODY_AT + job.readUInt32LE(0);
    const isText = job.readUInt32LE(16) === 1;
    const digest = writePlainFile({
      // Copied: a path in shared memory is none that the file system functions take.
      path: isText ? job.toString('latin1', BODY_AT, pathEnd) : Buffer.from(job.subarray(BODY_AT, pathEnd)),
      content: job.subarray(pathEnd, pathEnd + job.readUInt32LE(4)),
      mode: job.readUInt32LE(8),
      chmod: job.readUInt32LE(12) === 1,
      mtime: job.readDoubleLE(24),
    });
    job.write(digest, DIGEST_AT, DIGEST_LENGTH, 'latin1');
  }
}
