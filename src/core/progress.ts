/**
 * Progress as typed events. The library emits, only the command line prints. An event never carries a secret and never
 * influences a result.
 */

import { CtxsrcError, type ErrorCode } from './errors.ts';

/** What a task is doing. `wait` is waiting for another process that does the same work. */
export type Phase = 'resolve' | 'download' | 'verify' | 'unpack' | 'hash' | 'copy' | 'export' | 'wait' | 'collect';

export type ProgressEvent =
  /** A piece of work begins. `id` is unique in the run; `total` is in bytes unless `unit` says otherwise. */
  | { type: 'start'; id: string; phase: Phase; label: string; total?: number | undefined; unit?: 'bytes' | 'files' }
  /** `done` so far; `phase` when the work moved on (download, then unpack). */
  | { type: 'advance'; id: string; done: number; total?: number | undefined; phase?: Phase }
  /** The piece of work is over. `cached`: nothing had to be done. */
  | { type: 'end'; id: string; status: 'done' | 'cached' | 'failed' | 'aborted' }
  /** Something a person should know. Levels: debug (-vv), verbose (-v), note, warning. */
  | { type: 'message'; level: 'debug' | 'verbose' | 'note' | 'warning'; text: string; hint?: string | undefined }
  /** One request to a server, for -v. The URL carries no query and no credentials. */
  | {
      type: 'request';
      method: string;
      url: string;
      status: number | undefined;
      ms: number;
      bytes?: number | undefined;
      error?: string;
    };

export interface Progress {
  emit(event: ProgressEvent): void;
}

/** A progress sink that drops everything. */
export const silentProgress: Progress = { emit: () => undefined };

/**
 * Tells a doubt about the answer: a warning, or with `--strict` an error of that code.
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

let taskNumber = 0;

/** One running task: emits its own start, and its end exactly once. */
export class Task {
  readonly #progress: Progress;
  readonly #id: string;
  #ended = false;

  constructor(progress: Progress, phase: Phase, label: string, total?: number, unit: 'bytes' | 'files' = 'bytes') {
    this.#progress = progress;
    taskNumber += 1;
    this.#id = `${phase}-${taskNumber}`;
    progress.emit({ type: 'start', id: this.#id, phase, label, total, unit });
  }

  advance(done: number, total?: number, phase?: Phase): void {
    if (this.#ended) return;
    this.#progress.emit({ type: 'advance', id: this.#id, done, total, ...(phase === undefined ? {} : { phase }) });
  }

  end(status: 'done' | 'cached' | 'failed' | 'aborted' = 'done'): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#progress.emit({ type: 'end', id: this.#id, status });
  }
}
