/**
 * Files that one thread has read and any thread may write. The thread that applies layers offers them, in order, their
 * content where it lies in the ring. Either thread claims the oldest one: the decompressing thread when it has nothing to
 * decompress, or the offering thread when it has to wait. Without it a snapshot of many small files takes 1.4 times as
 * long (bench/RESULTS.md).
 */
import { realpathSync } from 'node:fs';
import { localError } from '../../core/errors.ts';
import { type ByteString, fsPath, shortenedBytes } from '../../fs/byte-string.ts';
import type { DigestTable } from '../apply/digest-table.ts';
import { type PlainFile, writePlainFile } from '../apply/plain-file.ts';

const JOBS = 128;
/** A job: numbers as doubles, then room for the digest, then a path. */
const JOB_SIZE = 1024;
const CONTENT_AT = 0;
const CONTENT_LENGTH = 1;
const PATH_LENGTH = 2;
const FLAGS = 3;
const MODE = 4;
const UID = 5;
const GID = 6;
const MTIME = 7;
const MTIME_NS = 8;
const NUMBERS = 9;
const DIGEST_AT = 8 * NUMBERS;
const DIGEST_LENGTH = 32;
const PATH_AT = DIGEST_AT + DIGEST_LENGTH;

const CHMOD = 1;
const CHOWN = 2;
const TEXT = 4;

/** Counters, and for each job whether it is done. */
const OFFERED = 0;
const CLAIMED = 1;
const FIRST_DONE = 2;

export interface JobMemory {
  readonly jobs: SharedArrayBuffer;
  readonly states: SharedArrayBuffer;
  /** Where the contents of the offered files lie. */
  readonly contents: SharedArrayBuffer;
}

export function jobMemory(contents: SharedArrayBuffer): JobMemory {
  return {
    jobs: new SharedArrayBuffer(JOBS * JOB_SIZE),
    states: new SharedArrayBuffer(4 * (FIRST_DONE + JOBS)),
    contents,
  };
}

/** The parts of a job as it lies in memory. */
interface Job {
  readonly numbers: Float64Array;
  readonly bytes: Buffer;
}

export class FileJobs {
  readonly #contents: SharedArrayBuffer;
  readonly #states: Int32Array;
  readonly #jobs: readonly Job[];
  readonly #root: string;
  readonly #digests: DigestTable | undefined;
  /** The offering thread: how many jobs it has collected, and for each that is not, the index for its digest. */
  #collected = 0;
  readonly #places = new Int32Array(JOBS);
  /** In which slot of the ring each job's content begins. */
  readonly #slots = new Float64Array(JOBS);

  /**
   * @param root the directory that all files lie in, for errors
   * @param digests receives the digests of offered files; of the offering thread alone
   */
  constructor({ jobs, states, contents }: JobMemory, root: string, digests?: DigestTable) {
    this.#contents = contents;
    this.#states = new Int32Array(states);
    this.#jobs = Array.from({ length: JOBS }, (_, index) => ({
      numbers: new Float64Array(jobs, index * JOB_SIZE, NUMBERS),
      bytes: Buffer.from(jobs, index * JOB_SIZE, JOB_SIZE),
    }));
    this.#root = root;
    this.#digests = digests;
  }

  /**
   * Offers a file, whose content stays where it is until the job is collected.
   * @param place the index for its digest
   * @param slot the number of the ring's slot in which the content begins
   * @returns false if its path is too long or there are too many jobs: then the caller has to write it
   */
  offer({ path, metadata, content }: PlainFile, place: number, slot: number): boolean {
    const offered = this.#states[OFFERED]!;
    if (PATH_AT + path.length > JOB_SIZE) return false;
    if (offered - this.#collected >= JOBS) this.collect();
    if (offered - this.#collected >= JOBS) return false;
    const index = offered % JOBS;
    const { numbers, bytes } = this.#jobs[index]!;
    const { mode, uid, gid, chmod, chown, mtime, mtimeNs } = metadata;
    const isText = typeof path === 'string';
    numbers[CONTENT_AT] = content.length === 0 ? 0 : content.byteOffset;
    numbers[CONTENT_LENGTH] = content.length;
    numbers[PATH_LENGTH] = path.length;
    numbers[FLAGS] = (chmod ? CHMOD : 0) | (chown ? CHOWN : 0) | (isText ? TEXT : 0);
    numbers[MODE] = mode;
    numbers[UID] = uid;
    numbers[GID] = gid;
    numbers[MTIME] = mtime;
    numbers[MTIME_NS] = mtimeNs;
    if (isText) bytes.write(path, PATH_AT, 'latin1');
    else path.copy(bytes, PATH_AT);
    this.#places[index] = place;
    this.#slots[index] = slot;
    Atomics.store(this.#states, FIRST_DONE + index, 0);
    Atomics.store(this.#states, OFFERED, offered + 1);
    return true;
  }

  /**
   * Claims the oldest job and does it. A job that fails in the offering thread is done, so that `collect` can become true
   * after a failure; one that fails in the other thread never is, because its digest is missing.
   * @returns false if there is none
   * @throws CtxsrcError that names the file
   */
  work(): boolean {
    for (;;) {
      const claimed = Atomics.load(this.#states, CLAIMED);
      if (claimed === Atomics.load(this.#states, OFFERED)) return false;
      if (Atomics.compareExchange(this.#states, CLAIMED, claimed, claimed + 1) !== claimed) continue;
      const index = claimed % JOBS;
      let isDone = this.#digests !== undefined;
      try {
        this.#run(this.#jobs[index]!);
        isDone = true;
      } finally {
        if (isDone) Atomics.store(this.#states, FIRST_DONE + index, 1);
      }
      return true;
    }
  }

  /** The offering thread: takes the digests of written files, in order; true if all offered files are written. */
  collect(): boolean {
    const offered = this.#states[OFFERED]!;
    for (; this.#collected !== offered; this.#collected += 1) {
      const index = this.#collected % JOBS;
      if (Atomics.load(this.#states, FIRST_DONE + index) === 0) return false;
      this.#digests!.copy(this.#places[index]!, this.#jobs[index]!.bytes, DIGEST_AT);
    }
    return true;
  }

  /** The offering thread: the slot in which the content of the oldest job begins that is not collected. */
  get oldestSlot(): number | undefined {
    return this.#collected === this.#states[OFFERED] ? undefined : this.#slots[this.#collected % JOBS];
  }

  #run({ numbers, bytes }: Job): void {
    const flags = numbers[FLAGS]!;
    const pathEnd = PATH_AT + numbers[PATH_LENGTH]!;
    // Copied, because file system functions do not accept a path in shared memory.
    const path =
      flags & TEXT ? bytes.toString('latin1', PATH_AT, pathEnd) : Buffer.from(bytes.subarray(PATH_AT, pathEnd));
    const file: PlainFile = {
      path,
      content: Buffer.from(this.#contents, numbers[CONTENT_AT]!, numbers[CONTENT_LENGTH]!),
      metadata: {
        mode: numbers[MODE]!,
        uid: numbers[UID]!,
        gid: numbers[GID]!,
        mtime: numbers[MTIME]!,
        mtimeNs: numbers[MTIME_NS]!,
        chmod: (flags & CHMOD) !== 0,
        chown: (flags & CHOWN) !== 0,
      },
    };
    try {
      bytes.write(writePlainFile(file), DIGEST_AT, DIGEST_LENGTH, 'latin1');
    } catch (error) {
      throw localError(error, `cannot write ${shortenedBytes(pathBelow(this.#root, path))}`);
    }
  }
}

/** The path of a file below the root. Jobs have it below an open directory, whose own path only an error needs. */
function pathBelow(root: string, path: string | Buffer): ByteString {
  const bytes = Buffer.from(path).toString('latin1');
  const slash = bytes.lastIndexOf('/');
  const name = bytes.slice(slash + 1);
  try {
    const [top, parent] = [root, fsPath(bytes.slice(0, slash))].map(
      (directory) => `${realpathSync.native(directory, 'buffer').toString('latin1')}/`,
    );
    return parent!.startsWith(top!) ? `${parent!.slice(top!.length)}${name}` : name;
  } catch {
    return name;
  }
}
