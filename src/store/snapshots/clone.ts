/**
 * Clones or checks a snapshot. The main thread reads the list of entries, makes the directories and gives the other
 * entries in pieces to workers, or works on a piece itself when they are busy. Hard links follow after all files, and
 * the metadata of directories when nothing more is added to them.
 */
import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { Entry } from '../../contract/entry.ts';
import type { Digest } from '../../core/digest.ts';
import { ThreadGroup, threadCount } from '../../core/thread/thread.ts';
import { printableBytes } from '../../fs/byte-string.ts';
import { entryOfRow, peekRow } from '../../fs/entry/json-rows.ts';
import {
  type ChunkResult,
  type CloneWork,
  checkOther,
  finishDirectory,
  makeDirectory,
  makeHardLink,
  wasTouched,
  workOnLines,
} from './clone-entry.ts';
import type { CloneSpec } from './clone-spec.ts';
import type { WorkerTask } from './clone-worker.ts';

/** Limits of a piece: entries, and bytes of file content. */
const CHUNK_ENTRIES = 256;
const CHUNK_BYTES = 16 << 20;
/** Pieces that a worker may have at once. */
const AHEAD = 2;
/** Below both limits, starting a worker takes longer than the work. */
const SMALL_ENTRIES = 600;
const SMALL_BYTES = 32 << 20;
/** Limits start-up time and memory: a machine with more than four cores was not measured. */
const MOST_THREADS = 3;

export interface CloneOptions {
  readonly spec: CloneSpec;
  /** The lines of the list of entries. */
  readonly lines: Iterable<string>;
  readonly signal: AbortSignal;
  /** Total bytes and entries, if known: small trees need no worker. */
  readonly size?: { readonly bytes: number; readonly count: number } | undefined;
  /** Receives the list as it should be recorded, in order, in pieces. */
  readonly record?: ((text: string) => void) | undefined;
  readonly onProgress?: ((entries: number) => void) | undefined;
  /** False if the digest of the lines is not needed. */
  readonly digest?: false | undefined;
}

export interface CloneOutcome {
  readonly damage?: ChunkResult['damage'];
  /** Digest of the processed lines. */
  readonly digest: Digest | undefined;
  /** Corrected lines by number of the piece: see `restateLines`. Empty if everything is as recorded. */
  readonly restated: ReadonlyMap<number, string>;
}

/** @throws what `isUnable` knows; errors of the system as they are; the reason of the abort */
export async function cloneTree(options: CloneOptions): Promise<CloneOutcome> {
  const { spec, signal, record } = options;
  const makes = spec.task === 'clone' || spec.task === 'keep';
  const checks = spec.task === 'check' || spec.task === 'hash';
  const hash = options.digest === false ? undefined : createHash('sha256');
  const pool = new Pool(options);
  const directories: Entry[] = [];
  const hardLinks: Entry[] = [];
  const restated = new Map<number, string>();
  /** Pieces to be recorded that are complete before an earlier one. */
  const complete = new Map<number, string>();
  let recorded = 0;
  let trusted = true;
  let number = 0;
  let finished = 0;
  let damage: ChunkResult['damage'];
  try {
    for (const piece of pieces(options.lines)) {
      signal.throwIfAborted();
      if (damage !== undefined) break;
      hash?.update(piece.lines.join('\n')).update('\n');
      for (const entry of piece.others) {
        (entry.type === 'dir' ? directories : hardLinks).push(entry);
        if (checks) {
          const problem = checkOther(spec, entry);
          if (problem !== undefined) damage ??= { path: printableBytes(entry.path), problem };
        } else if (makes && entry.type === 'dir') {
          // The store's own directories are trusted; in a directory of the user no link is followed.
          const problem = spec.settled === undefined ? undefined : checkOther(spec, entry);
          if (problem !== undefined) damage ??= { path: printableBytes(entry.path), problem };
          // From here on the entries are below this directory.
          else if (wasTouched(spec, entry)) trusted = false;
          makeDirectory(spec, entry);
        }
      }
      const index = number;
      number += 1;
      await pool.run({ lines: piece.work, trusted }, piece.isLast, (result) => {
        damage ??= result.damage;
        const text = result.lines === undefined ? undefined : merge(piece.lines, result.lines);
        if (record === undefined) {
          if (text !== undefined) restated.set(index, text);
        } else {
          complete.set(index, text ?? `${piece.lines.join('\n')}\n`);
          for (; complete.has(recorded); recorded += 1) {
            record(complete.get(recorded)!);
            complete.delete(recorded);
          }
        }
        finished += piece.lines.length;
        options.onProgress?.(finished);
      });
    }
    await pool.drain();
  } finally {
    await pool.close();
  }
  signal.throwIfAborted();
  if (!checks && damage === undefined) {
    if (makes) for (const entry of hardLinks) makeHardLink(spec, entry);
    for (const entry of directories.reverse()) finishDirectory(spec, entry);
  }
  return { damage, digest: hash && `sha256:${hash.digest('hex')}`, restated };
}

/** What is wrong with a snapshot. @param list the recorded digest of the list, if it was processed as a whole */
export function problemOf({ damage, digest }: CloneOutcome, list: Digest | undefined): string | undefined {
  if (damage !== undefined) return `${damage.path} ${damage.problem}`;
  return list === undefined || digest === list ? undefined : 'its list of entries was changed';
}

/** The list of entries with the corrections of `cloneTree`. */
export function* restateLines(lines: Iterable<string>, restated: ReadonlyMap<number, string>): Generator<string> {
  let number = 0;
  for (const piece of pieces(lines)) {
    yield restated.get(number) ?? `${piece.lines.join('\n')}\n`;
    number += 1;
  }
}

interface Piece {
  readonly lines: readonly string[];
  /** Directories and hard links, which the main thread makes. */
  readonly others: readonly Entry[];
  readonly work: readonly string[];
  /** Nothing follows. */
  readonly isLast: boolean;
}

function* pieces(lines: Iterable<string>): Generator<Piece> {
  let piece = { lines: [] as string[], others: [] as Entry[], work: [] as string[] };
  let bytes = 0;
  for (const line of lines) {
    const { type, size } = peekRow(line);
    piece.lines.push(line);
    if (isOther(type)) piece.others.push(entryOfRow(line));
    else piece.work.push(line);
    if (type === 'file') bytes += size;
    if (piece.lines.length >= CHUNK_ENTRIES || bytes >= CHUNK_BYTES) {
      yield { ...piece, isLast: false };
      piece = { lines: [], others: [], work: [] };
      bytes = 0;
    }
  }
  if (piece.lines.length > 0) yield { ...piece, isLast: true };
}

function isOther(type: string): boolean {
  return type === 'dir' || type === 'hardlink';
}

/** The lines of a piece with its corrections. */
function merge(lines: readonly string[], work: string): string {
  const news = work.split('\n');
  let next = 0;
  return lines.map((line) => `${isOther(peekRow(line).type) ? line : news[next++]}\n`).join('');
}

type Done = (result: ChunkResult) => void;

/** Threads, with the main thread for pieces that they have no time for. */
class Pool {
  readonly #options: CloneOptions;
  #threads: ThreadGroup<ChunkResult> | undefined;
  /** For each thread what waits for its answers, in their order. */
  #waiting: readonly Done[][] = [];
  #wake: (() => void) | undefined;

  constructor(options: CloneOptions) {
    this.#options = options;
  }

  /** Gives a piece to a worker or works on it here; resolves when another piece can be accepted. */
  async run(work: CloneWork, isLast: boolean, done: Done): Promise<void> {
    this.#threads?.throwIfFailed();
    // A single piece is done sooner than a thread starts.
    if (!isLast) this.#threads ??= this.#start();
    const isEmpty = work.lines.length === 0;
    const least = Math.min(...this.#waiting.map(({ length }) => length));
    if (!isEmpty && least < AHEAD) {
      const thread = this.#waiting.findIndex(({ length }) => length === least);
      this.#waiting[thread]!.push(done);
      this.#threads!.send({ ...work, lines: work.lines.join('\n') } satisfies WorkerTask, thread);
      return;
    }
    done(isEmpty ? {} : workOnLines(this.#options.spec, work));
    // Lets messages of threads, aborts and progress through.
    await setImmediate();
  }

  async drain(): Promise<void> {
    while (this.#waiting.some(({ length }) => length > 0)) {
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      await Promise.race([woken, this.#threads!.ended]);
    }
  }

  async close(): Promise<void> {
    await this.#threads?.end();
  }

  #start(): ThreadGroup<ChunkResult> {
    const { spec, size, signal } = this.#options;
    const isSmall = size !== undefined && size.count < SMALL_ENTRIES && size.bytes < SMALL_BYTES;
    this.#waiting = Array.from({ length: isSmall ? 0 : threadCount(MOST_THREADS, 0) }, () => []);
    const onSaid = (result: ChunkResult, thread: number): void => {
      this.#waiting[thread]!.shift()!(result);
      this.#wake?.();
    };
    return new ThreadGroup({ name: 'worker-clone', data: this.#waiting.map(() => spec), signal, onSaid });
  }
}

/**
 * True if the error shows that the files have changed: the list is invalid, or a path has another type. Any other error
 * is a failure of this machine.
 */
export function isDamage(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  const byPath = ['ENOENT', 'ENOTDIR', 'EISDIR', 'ELOOP', 'EINVAL', 'ENXIO', 'ENAMETOOLONG'];
  return error instanceof Error && (code === undefined || byPath.includes(code));
}
