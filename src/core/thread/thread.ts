/** How threads are run: their number, start, messages both ways, errors and end. They share memory in ways of their own. */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parentPort, type Transferable, Worker } from 'node:worker_threads';
import { CtxsrcError, type ErrorCode, isCtxsrcError } from '../errors.ts';
import { type WorkerName, workerUrl } from './worker-url.ts';

/**
 * Size in MiB of a thread's young generation, a sixteenth of Node's default. Objects of our threads die at once or live
 * long: more room would only touch fresh pages, which costs more than the collections it saves.
 */
const YOUNG_GENERATION = 3;

/** The number of threads beside the calling one, which works too: one for each other core, within limits. */
export function threadCount(most: number, least: number): number {
  return Math.max(least, Math.min(availableParallelism() - 1, most));
}

/** A message from a thread: what it says, or the error it failed with. */
type Message<Said> = { readonly said: Said } | { readonly failed: SentError };

export interface ThreadGroupOptions<Said> {
  readonly name: WorkerName;
  /** The `workerData` of each thread. */
  readonly data: readonly unknown[];
  readonly signal?: AbortSignal | undefined;
  /** Called with each message and the index of its thread. If it throws, the group fails. */
  readonly onSaid?: ((said: Said, thread: number) => void) | undefined;
}

/** Threads that work together. Whoever starts them has to wait until they end, or call `end`. */
export class ThreadGroup<Said = never> {
  readonly #threads: readonly Worker[];
  readonly #dismissed = new Set<Worker>();
  #failure: { readonly reason: unknown } | undefined;
  /** Resolves when no thread runs any more, after failures, too. */
  readonly gone: Promise<void>;
  /**
   * Resolves when all threads have ended. Rejects with the first failure: an error of a thread, an exit code other than 0,
   * or the reason of an abort. The other threads go on until `end` is called.
   */
  readonly ended: Promise<void>;

  /** @throws CtxsrcError `E_IO` when the threads' code is missing, or the system allows no more threads */
  constructor({ name, data, signal, onSaid }: ThreadGroupOptions<Said>) {
    this.#threads = startThreads(name, data);
    const exits = this.#threads.map((thread) => new Promise((resolve) => thread.once('exit', resolve)));
    this.gone = Promise.all(exits).then(() => undefined);
    this.ended = new Promise((resolve, reject) => {
      const fail = (reason: unknown): void => {
        this.#failure ??= { reason };
        reject(reason);
      };
      for (const [index, thread] of this.#threads.entries()) {
        thread.on('message', (message: Message<Said>) => {
          if ('failed' in message) return fail(receivedError(message.failed));
          try {
            onSaid?.(message.said, index);
          } catch (error) {
            fail(error);
          }
        });
        thread.once('error', fail);
        thread.once('exit', (code) => {
          if (code === 0 || this.#dismissed.has(thread)) return;
          fail(new CtxsrcError('E_INTERNAL', `a thread (${name}) ended with code ${code} before its work was done`));
        });
      }
      const onAbort = (): void => fail(signal!.reason);
      if (signal?.aborted === true) onAbort();
      signal?.addEventListener('abort', onAbort);
      void this.gone.then(() => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      });
    });
    // Avoids an unhandled rejection if nobody awaits `ended`.
    this.ended.catch(() => undefined);
  }

  /** @throws what `ended` rejects with, if it did */
  throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure.reason;
  }

  /** Sends a message to one thread, or to all. */
  send(message: unknown, thread?: number): void {
    for (const worker of this.#chosen(thread)) worker.postMessage(message);
  }

  /** Terminates one thread, or all, and waits until they have ended. */
  async end(thread?: number): Promise<void> {
    const chosen = this.#chosen(thread);
    for (const worker of chosen) this.#dismissed.add(worker);
    await Promise.all(chosen.map((worker) => worker.terminate()));
  }

  #chosen(thread: number | undefined): readonly Worker[] {
    return thread === undefined ? this.#threads : [this.#threads[thread]!];
  }
}

/** In a thread: sends a message to the thread that started it. */
export function say<Said>(said: Said, transfer: Transferable[] = []): void {
  parentPort!.postMessage({ said } satisfies Message<Said>, transfer);
}

/** In a thread: does its work, or a piece of it. An error is sent to the thread that started it. */
export async function runWork(work: () => void | Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    parentPort!.postMessage({ failed: sentError(error) } satisfies Message<never>);
  }
}

/** An error in a message. (Sent as it is, it would lose its class and its own properties.) */
interface SentError {
  /** A `CtxsrcError`. */
  readonly isTyped: boolean;
  readonly message: string;
  readonly stack: string | undefined;
  readonly cause: SentError | undefined;
  /** Code, hint and details; number and call of an error of the system. */
  readonly own: NodeJS.Dict<unknown>;
}

function sentError(thrown: unknown): SentError {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const { message, stack, cause } = error;
  return {
    isTyped: isCtxsrcError(error),
    message,
    stack,
    cause: cause === undefined ? undefined : sentError(cause),
    own: { ...error },
  };
}

function receivedError({ isTyped, message, stack, cause: sent, own }: SentError): Error {
  const options = sent && { cause: receivedError(sent) };
  const error = isTyped ? new CtxsrcError(own.code as ErrorCode, message, options) : new Error(message, options);
  return Object.assign(error, own, { stack });
}

/** All of them or none. */
function startThreads(name: WorkerName, data: readonly unknown[]): Worker[] {
  const started: Worker[] = [];
  try {
    for (const own of data) started.push(startThread(name, own));
    return started;
  } catch (error) {
    for (const thread of started) void thread.terminate();
    if ((error as NodeJS.ErrnoException).code !== 'ERR_WORKER_INIT_FAILED') throw error;
    throw new CtxsrcError('E_IO', 'cannot start a thread: the system allows no more', {
      cause: error,
      hint: 'raise the limit of processes (ulimit -u; of a container --pids-limit) or of memory (ulimit -v)',
    });
  }
}

function startThread(name: WorkerName, workerData: unknown): Worker {
  const url = workerUrl(name);
  if (url.protocol === 'file:' && !existsSync(url)) {
    throw new CtxsrcError('E_IO', `cannot start a thread: there is no file ${fileURLToPath(url)}`, {
      hint: "where the library is bundled, copy ctxsrc's dist/worker-*.cjs beside the bundle (docs/library.md)",
    });
  }
  return new Worker(url, {
    workerData,
    execArgv: workerArguments(),
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION },
  });
}

/**
 * The `execArgv` of a worker. Undefined, so that the worker inherits the process's arguments, unless one of them is
 * refused for code from a file. (A list is not used always: V8's options are refused in it.)
 */
function workerArguments(): string[] | undefined {
  const kept = process.execArgv.filter((argument) => !argument.startsWith('--input-type'));
  return kept.length === process.execArgv.length ? undefined : kept;
}
