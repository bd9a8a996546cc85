/**
 * Clones a snapshot, or checks one, with both hands: the main thread reads the list of entries, makes the directories and
 * hands out the rest in pieces, to workers and, when they are busy, to itself. Hard links follow when all files are there,
 * and the facts of directories when nothing more is put into them.
 */
import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import type { Digest } from '../../core/digest.ts';
import { startThread } from '../../core/thread/thread.ts';
import {
  type ChunkResult,
  type CloneSpec,
  CloneUnable,
  type CloneWork,
  checkOther,
  finishDirectory,
  makeDirectory,
  makeHardLink,
  wasTouched,
  workOnLines,
} from './clone-entry.ts';
import type { WorkerAnswer, WorkerTask } from './clone-worker.ts';
import { parseEntry, peekEntry, type StoredEntry } from './manifest.ts';

/** A piece of work ends after so many entries, or bytes of file content. */
const CHUNK_ENTRIES = 256;
const CHUNK_BYTES = 16 << 20;
/** Pieces given to a worker before it has finished the first. */
const AHEAD = 2;
/** Below both, starting a worker takes longer than the work. */
const SMALL_ENTRIES = 600;
const SMALL_BYTES = 32 << 20;
const MOST_WORKERS = 3;
export interface CloneOptions {
  readonly spec: CloneSpec;
  /** The lines of the list of entries. */
  readonly lines: Iterable<string>;
  readonly signal: AbortSignal;
  /** Bytes and entries in all, if known: small trees are not worth a worker. */
  readonly size?: { readonly bytes: number; readonly count: number } | undefined;
  /** Gets the list as it should be recorded, in order, in pieces. */
  readonly record?: ((text: string) => void) | undefined;
  readonly onProgress?: ((entries: number) => void) | undefined;
  /** False: nobody asks for the digest of the lines. */
  readonly digest?: false | undefined;
}

export interface CloneOutcome {
  readonly damage?: ChunkResult['damage'];
  /** Digest and number of the lines that were worked on. */
  readonly digest: Digest | undefined;
  readonly count: number;
  /** By number of the piece, what its lines should be: see `restateLines`. Empty when all is as recorded. */
  readonly restated: ReadonlyMap<number, string>;
}

/** @throws CloneUnable; errors of the system as they are */
export async function cloneTree(options: CloneOptions): Promise<CloneOutcome> {
  const { spec, signal, record } = options;
  const makes = spec.task === 'clone' || spec.task === 'keep';
  const checks = spec.task === 'check' || spec.task === 'hash';
  const hash = options.digest === false ? undefined : createHash('sha256');
  const pool = new Pool(spec, options.size);
  const directories: StoredEntry[] = [];
  const hardLinks: StoredEntry[] = [];
  const restated = new Map<number, string>();
  const inOrder = new InOrder(record);
  let trusted = true;
  let number = 0;
  let count = 0;
  let finished = 0;
  let damage: ChunkResult['damage'];
  try {
    for (const piece of pieces(options.lines)) {
      signal.throwIfAborted();
      if (damage !== undefined) break;
      hash?.update(piece.lines.join('\n')).update('\n');
      count += piece.lines.length;
      for (const entry of piece.others) {
        (entry.type === 'dir' ? directories : hardLinks).push(entry);
        if (checks) {
          const problem = checkOther(spec, entry);
          if (problem !== undefined) damage ??= { path: entry.path, problem };
        } else if (makes && entry.type === 'dir') {
          // The store's own directories are what they were; in one of the user's nothing is looked for through a link.
          const problem = spec.settled === undefined ? undefined : checkOther(spec, entry);
          if (problem !== undefined) damage ??= { path: entry.path, problem };
          // What is below comes from here on.
          else if (wasTouched(spec, entry)) trusted = false;
          makeDirectory(spec, entry);
        }
      }
      const index = number;
      number += 1;
      await pool.run({ lines: piece.work, trusted }, piece.isLast, (result) => {
        damage ??= result.damage;
        const text = result.lines === undefined ? undefined : merge(piece.lines, result.lines);
        if (record !== undefined) inOrder.give(index, text ?? `${piece.lines.join('\n')}\n`);
        else if (text !== undefined) restated.set(index, text);
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
  return { damage, digest: hash && `sha256:${hash.digest('hex')}`, count, restated };
}

/** The list of entries with the pieces that `cloneTree` restated. */
export function* restateLines(lines: Iterable<string>, restated: ReadonlyMap<number, string>): Generator<string> {
  let number = 0;
  for (const piece of pieces(lines)) {
    yield restated.get(number) ?? `${piece.lines.join('\n')}\n`;
    number += 1;
  }
}

interface Piece {
  readonly lines: readonly string[];
  /** Directories and hard links, which the main thread sees to. */
  readonly others: readonly StoredEntry[];
  readonly work: readonly string[];
  /** Nothing follows. */
  readonly isLast: boolean;
}

function* pieces(lines: Iterable<string>): Generator<Piece> {
  let piece = { lines: [] as string[], others: [] as StoredEntry[], work: [] as string[] };
  let bytes = 0;
  for (const line of lines) {
    const { type, size } = peekEntry(line);
    piece.lines.push(line);
    if (isOther(type)) piece.others.push(parseEntry(line));
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

/** The lines of a piece with its work restated. */
function merge(lines: readonly string[], work: string): string {
  const news = work.split('\n');
  let next = 0;
  return lines.map((line) => `${isOther(peekEntry(line).type) ? line : news[next++]}\n`).join('');
}

/** Passes on in order what is finished out of order. */
class InOrder {
  readonly #waiting = new Map<number, string>();
  readonly #next: ((text: string) => void) | undefined;
  #number = 0;

  constructor(next: ((text: string) => void) | undefined) {
    this.#next = next;
  }

  give(number: number, text: string): void {
    this.#waiting.set(number, text);
    for (;;) {
      const ready = this.#waiting.get(this.#number);
      if (ready === undefined) return;
      this.#waiting.delete(this.#number);
      this.#number += 1;
      this.#next?.(ready);
    }
  }
}

type Done = (result: ChunkResult) => void;

/** Workers, and the main thread for what they have no time for. */
class Pool {
  readonly #spec: CloneSpec;
  readonly #workers: { readonly worker: Worker; readonly waiting: Done[] }[] = [];
  readonly #size: CloneOptions['size'];
  #failure: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(spec: CloneSpec, size: CloneOptions['size']) {
    this.#spec = spec;
    this.#size = size;
  }

  /** Has the work done, sooner or later; the caller goes on when there is room for more. */
  async run(work: CloneWork, isLast: boolean, done: Done): Promise<void> {
    this.#check();
    if (this.#workers.length === 0 && !isLast) this.#hire();
    const isEmpty = work.lines.length === 0;
    const [least] = [...this.#workers].sort((a, b) => a.waiting.length - b.waiting.length);
    if (!isEmpty && least !== undefined && least.waiting.length < AHEAD) {
      least.waiting.push(done);
      least.worker.postMessage({ ...work, lines: work.lines.join('\n') } satisfies WorkerTask);
      return;
    }
    done(isEmpty ? {} : workOnLines(this.#spec, work));
    // Lets answers of workers, aborts and progress through.
    await setImmediate();
  }

  async drain(): Promise<void> {
    for (;;) {
      this.#check();
      if (this.#workers.every(({ waiting }) => waiting.length === 0)) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map(({ worker }) => worker.terminate()));
  }

  /** A single piece is done sooner than a worker starts. */
  #hire(): void {
    const size = this.#size;
    if (size !== undefined && size.count < SMALL_ENTRIES && size.bytes < SMALL_BYTES) return;
    const count = Math.min(availableParallelism() - 1, MOST_WORKERS);
    while (this.#workers.length < count) this.#start();
  }

  #start(): void {
    const worker = startThread('worker-clone', this.#spec);
    const waiting: Done[] = [];
    this.#workers.push({ worker, waiting });
    worker.on('message', (answer: WorkerAnswer) => {
      const done = waiting.shift();
      if ('result' in answer) done?.(answer.result);
      else if ('unable' in answer) this.#failure ??= new CloneUnable(answer.unable);
      else this.#failure ??= Object.assign(new Error(answer.failure.message), answer.failure);
      this.#wake?.();
    });
    worker.on('error', (error) => {
      this.#failure ??= error;
      this.#wake?.();
    });
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}
