/**
 * Progress as typed events. The library emits, only the command line prints. An event never carries a secret and never
 * influences a result.
 */

import { CtxsrcError, type ErrorCode, isAbort } from './errors.ts';
import { monotonicMs } from './monotonic.ts';

/** What a task is doing. `wait` is waiting for another process that does the same work. */
export type Phase =
  | 'resolve'
  | 'download'
  | 'verify'
  | 'unpack'
  | 'hash'
  | 'copy'
  | 'export'
  | 'upload'
  | 'wait'
  | 'collect';

/** What a task's `done` and `total` count. */
export type ProgressUnit = 'bytes' | 'files' | 'layers';

/** The place of a task among others: the layers of an image are parts of the task that counts them. */
export interface TaskPlace {
  /** The `id` of the parent task. */
  readonly parent?: string | undefined;
  /** The layer's number, from 1 for the base, and how many layers there are. */
  readonly layer?: number | undefined;
  readonly layers?: number | undefined;
}

/** An event of progress. None carries a secret, and none influences a result. */
export type ProgressEvent =
  /** A piece of work begins. `id` is unique in the run; `total` is in bytes unless `unit` says otherwise. */
  | ({
      type: 'start';
      id: string;
      phase: Phase;
      label: string;
      total?: number | undefined;
      unit?: ProgressUnit;
    } & TaskPlace)
  /** `done` is the amount so far; `phase` is given when it changes (from download to unpack). */
  | ({ type: 'advance'; id: string; done: number } & Advance)
  /** The piece of work is over. `cached`: there was nothing to do. */
  | { type: 'end'; id: string; status: 'done' | 'cached' | 'failed' | 'aborted' }
  /** Something a person should know. Levels: debug (-vv), verbose (-v), note, warning. */
  | {
      type: 'message';
      level: 'debug' | 'verbose' | 'note' | 'warning';
      text: string;
      hint?: string | undefined;
      place?: MessagePlace | undefined;
    }
  /** One request to a server, for -v. The URL has no query and no credentials. */
  | {
      type: 'request';
      method: string;
      url: string;
      status: number | undefined;
      ms: number;
      bytes?: number | undefined;
      error?: string;
    };

/** The lines of a file that a message speaks of. */
export interface MessagePlace {
  /** Absolute. */
  readonly path: string;
  readonly line?: number | undefined;
  readonly lastLine?: number | undefined;
}

export interface Advance {
  readonly total?: number | undefined;
  readonly phase?: Phase | undefined;
  /** Number of files so far, where `done` counts bytes. */
  readonly files?: number | undefined;
  /** The part of the work that is done, from 0 to 1, where `done` and `total` cannot express it. */
  readonly part?: number | undefined;
}

/** Where events of progress go. */
export interface Progress {
  /** Takes one event; what it throws ends the work. */
  emit(event: ProgressEvent): void;
}

/** A progress sink that drops everything. */
export const silentProgress: Progress = { emit: () => undefined };

/**
 * Reports a doubt about the answer: as a warning, or with `--strict` as an error of the given code.
 * @throws CtxsrcError of `code` when the job is strict
 */
export function warnOrRefuse(
  job: { readonly progress: Progress; readonly strict?: boolean | undefined },
  code: ErrorCode,
  text: string,
  hint: string,
): void {
  if (job.strict === true) throw new CtxsrcError(code, text, { hint });
  job.progress.emit({ type: 'message', level: 'warning', text, hint });
}

/** A sink that adds `place` to the tasks that start without one. */
export function placed(progress: Progress, place: TaskPlace): Progress {
  return {
    emit: (event) =>
      progress.emit(event.type === 'start' && event.parent === undefined ? { ...event, ...place } : event),
  };
}

let taskNumber = 0;

/** Minimum time in milliseconds between two `advance` events of a task: work advances in much smaller steps. */
const ADVANCE_MS = 50;

/** One running task: emits its own start, and emits its end exactly once. */
export class Task {
  readonly id: string;
  readonly #progress: Progress;
  #ended = false;
  #advancedAt = Number.NEGATIVE_INFINITY;
  /** The last advance, if it was not emitted yet. */
  #pending: ({ readonly done: number } & Advance) | undefined;

  constructor(
    progress: Progress,
    phase: Phase,
    label: string,
    { total, unit = 'bytes' }: { readonly total?: number | undefined; readonly unit?: ProgressUnit } = {},
  ) {
    this.#progress = progress;
    taskNumber += 1;
    this.id = `${phase}-${taskNumber}`;
    progress.emit({ type: 'start', id: this.id, phase, label, total, unit });
  }

  /** Does work as a task, which ends with it. Work may end its task itself before, as `cached`. */
  static async run<T>(
    job: { readonly progress: Progress; readonly signal?: AbortSignal },
    phase: Phase,
    label: string,
    work: (task: Task) => Promise<T>,
    counts: { readonly total?: number | undefined; readonly unit?: ProgressUnit } = {},
  ): Promise<T> {
    const task = new Task(job.progress, phase, label, counts);
    try {
      const result = await work(task);
      task.end();
      return result;
    } catch (error) {
      task.end(failureOf(job.signal, error));
      throw error;
    }
  }

  advance(done: number, more: Advance = {}): void {
    if (this.#ended) return;
    this.#pending = { done, ...more };
    const now = monotonicMs();
    if (now - this.#advancedAt < ADVANCE_MS) return;
    this.#advancedAt = now;
    this.#flush();
  }

  end(status: 'done' | 'cached' | 'failed' | 'aborted' = 'done'): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#flush();
    this.#progress.emit({ type: 'end', id: this.id, status });
  }

  #flush(): void {
    if (this.#pending === undefined) return;
    const { part, ...advance } = this.#pending;
    this.#pending = undefined;
    const rounded = part === undefined ? {} : { part: Math.floor(part * 10_000) / 10_000 };
    this.#progress.emit({ type: 'advance', id: this.id, ...advance, ...rounded });
  }
}

/** How a task ends whose work failed: `aborted` when its job was, or when the error is that of an abort. */
export function failureOf(signal: AbortSignal | undefined, error?: unknown): 'aborted' | 'failed' {
  return signal?.aborted === true || isAbort(error) ? 'aborted' : 'failed';
}

/** Passes a body on and reports its position to the task. The body begins at `offset` of the whole. */
export async function* tracked(
  from: { readonly body: AsyncIterable<Uint8Array>; readonly offset: number; readonly size?: number | undefined },
  task: Task,
  heard?: (done: number) => void,
): AsyncGenerator<Uint8Array> {
  const more = from.size === undefined ? {} : { total: from.size };
  let done = from.offset;
  for await (const chunk of from.body) {
    done += chunk.length;
    task.advance(done, more);
    heard?.(done);
    yield chunk;
  }
}
