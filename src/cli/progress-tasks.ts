/** The tasks of a run as progress events describe them, and the words for what they do. */
import type { Phase, ProgressEvent } from '../core/progress.ts';
import { formatBytes } from './format.ts';

export const DOING: Readonly<Record<Phase, string>> = {
  resolve: 'resolving',
  download: 'downloading',
  verify: 'verifying',
  unpack: 'unpacking',
  hash: 'hashing',
  copy: 'copying',
  export: 'exporting',
  wait: 'waiting for',
  collect: 'collecting',
};

export const DONE: Readonly<Record<Phase, string>> = {
  resolve: 'resolved',
  download: 'downloaded',
  verify: 'verified',
  unpack: 'unpacked',
  hash: 'hashed',
  copy: 'copied',
  export: 'exported',
  wait: 'waited for',
  collect: 'collected',
};

export interface RunningTask {
  readonly id: string;
  readonly label: string;
  readonly unit: 'bytes' | 'files';
  /** `performance.now()` of its start. */
  readonly since: number;
  phase: Phase;
  done: number;
  total: number | undefined;
}

/** What runs now, in the order of starting; and what has been done so far. */
export class TaskTable {
  readonly running = new Map<string, RunningTask>();
  /** Layers and other pieces of several that are over. */
  finished = 0;
  /** Bytes of finished byte tasks. */
  finishedBytes = 0;

  /** @returns the task that the event ended, when it was done */
  apply(event: ProgressEvent): RunningTask | undefined {
    if (event.type === 'start') {
      this.running.set(event.id, {
        id: event.id,
        label: event.label,
        unit: event.unit ?? 'bytes',
        since: performance.now(),
        phase: event.phase,
        done: 0,
        total: event.total,
      });
      return undefined;
    }
    if (event.type !== 'advance' && event.type !== 'end') return undefined;
    const task = this.running.get(event.id);
    if (task === undefined) return undefined;
    if (event.type === 'advance') {
      task.done = event.done;
      task.total = event.total ?? task.total;
      task.phase = event.phase ?? task.phase;
      return undefined;
    }
    this.running.delete(event.id);
    if (event.status !== 'done') return undefined;
    if (isTransfer(task)) {
      this.finished += 1;
      if (task.unit === 'bytes') this.finishedBytes += task.total ?? task.done;
    }
    return task;
  }
}

/** Work that comes in several pieces at a time: layers. */
export const isTransfer = (task: RunningTask): boolean => task.phase === 'download' || task.phase === 'unpack';

/** `61.2 MB` or `120 files`. */
export const quantity = (value: number, unit: 'bytes' | 'files'): string =>
  unit === 'bytes' ? formatBytes(value) : `${value} files`;
