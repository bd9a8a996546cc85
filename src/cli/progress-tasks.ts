/** The tasks of a run as progress events describe them, and the words for what they do. */
import { monotonicMs } from '../core/monotonic.ts';
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
  /** `monotonicMs()` of its start. */
  readonly since: number;
  phase: Phase;
  done: number;
  total: number | undefined;
}

/** What runs now, in the order of starting; and what has been done so far. */
export class TaskTable {
  readonly running = new Map<string, RunningTask>();
  /** Bytes of each layer, or other piece of several, of which something was done; by its label. */
  readonly #finished = new Map<string, number>();

  /** How many layers had something done to them that is over. */
  get finished(): number {
    return this.#finished.size;
  }

  /** Their bytes; a layer that was downloaded and unpacked counts once. */
  get finishedBytes(): number {
    return [...this.#finished.values()].reduce((sum, bytes) => sum + bytes, 0);
  }

  /** @returns the task that the event ended, when it was done */
  apply(event: ProgressEvent): RunningTask | undefined {
    if (event.type === 'start') {
      this.running.set(event.id, {
        id: event.id,
        label: event.label,
        unit: event.unit ?? 'bytes',
        since: monotonicMs(),
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
      const bytes = task.unit === 'bytes' ? (task.total ?? task.done) : 0;
      this.#finished.set(task.label, Math.max(bytes, this.#finished.get(task.label) ?? 0));
    }
    return task;
  }

  /** Layers in flight, one task each: of one that is downloaded and unpacked at the same time, the download. */
  transfers(): RunningTask[] {
    const byLabel = new Map<string, RunningTask>();
    for (const task of this.running.values()) {
      if (!isTransfer(task)) continue;
      if (task.phase === 'download' || !byLabel.has(task.label)) byLabel.set(task.label, task);
    }
    return [...byLabel.values()];
  }
}

/** Work that comes in several pieces at a time: layers. */
export const isTransfer = (task: RunningTask): boolean => task.phase === 'download' || task.phase === 'unpack';

/** `61.2 MB` or `120 files`. */
export const quantity = (value: number, unit: 'bytes' | 'files'): string =>
  unit === 'bytes' ? formatBytes(value) : `${value} files`;
