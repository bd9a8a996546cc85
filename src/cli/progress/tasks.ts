/** The tasks of a run, from progress events, and the words for them. */

import { formatBytes } from '../../core/format.ts';
import { monotonicMs } from '../../core/monotonic.ts';
import type { Phase, ProgressEvent, ProgressUnit, TaskPlace } from '../../core/progress.ts';

export const VERBS: Readonly<Record<Phase, { readonly doing: string; readonly done: string }>> = {
  resolve: { doing: 'resolving', done: 'resolved' },
  download: { doing: 'downloading', done: 'downloaded' },
  verify: { doing: 'verifying', done: 'verified' },
  unpack: { doing: 'unpacking', done: 'unpacked' },
  hash: { doing: 'hashing', done: 'hashed' },
  copy: { doing: 'copying', done: 'copied' },
  export: { doing: 'exporting', done: 'exported' },
  upload: { doing: 'uploading', done: 'uploaded' },
  wait: { doing: 'waiting for', done: 'waited for' },
  collect: { doing: 'collecting', done: 'collected' },
};

export interface RunningTask extends TaskPlace {
  readonly id: string;
  readonly label: string;
  readonly unit: ProgressUnit;
  /** `monotonicMs()` of its start. */
  readonly since: number;
  phase: Phase;
  done: number;
  total: number | undefined;
  files: number;
  /** The finished part, from 0 to 1; undefined if unknown. Never decreases. */
  part: number | undefined;
}

/** Everything that was moved in a run so far. No number decreases. */
export interface Moved {
  /** Layers that are finished. */
  readonly layers: number;
  readonly downloaded: number;
  readonly copied: number;
  readonly writtenBytes: number;
  readonly writtenFiles: number;
}

/** The progress of the run. */
export interface Overall {
  readonly id: string;
  readonly part: number | undefined;
  /** Only for the layers of an image. */
  readonly layers?: { readonly done: number; readonly of: number } | undefined;
}

/** The running tasks, in the order of their start, and the finished work. */
export class TaskTable {
  readonly running = new Map<string, RunningTask>();
  readonly #finished = new Set<string>();
  #moved = { downloaded: 0, copied: 0, writtenBytes: 0, writtenFiles: 0 };

  get moved(): Moved {
    return { layers: this.#finished.size, ...this.#moved };
  }

  /** @returns the task that the event ended, if it was done */
  apply(event: ProgressEvent): RunningTask | undefined {
    if (event.type === 'start') {
      const { id, label, phase, total, unit = 'bytes', parent, layer, layers } = event;
      const place = { parent, layer, layers };
      const since = monotonicMs();
      this.running.set(id, { id, label, unit, since, phase, done: 0, total, files: 0, part: undefined, ...place });
      return undefined;
    }
    if (event.type !== 'advance' && event.type !== 'end') return undefined;
    const task = this.running.get(event.id);
    if (task === undefined) return undefined;
    if (event.type === 'advance') {
      this.#advance(task, event);
      return undefined;
    }
    this.running.delete(event.id);
    if (event.status !== 'done') return undefined;
    if (isTransfer(task) && task.layer !== undefined) this.#finished.add(task.label);
    return task;
  }

  /** Layers and other pieces in progress, one task each: for a layer that is fetched and unpacked, the fetching. */
  pieces(): RunningTask[] {
    const byPlace = new Map<string, RunningTask>();
    for (const task of this.running.values()) {
      if (task.unit === 'layers' || !(isTransfer(task) || task.layer !== undefined)) continue;
      const place = task.layer === undefined ? task.id : `${task.parent} ${task.layer}`;
      const other = byPlace.get(place);
      if (other === undefined || rank(task) < rank(other)) byPlace.set(place, task);
    }
    return [...byPlace.values()].sort((a, b) => (a.layer ?? 0) - (b.layer ?? 0));
  }

  /** The tasks that count the layers of an image. */
  images(): RunningTask[] {
    return [...this.running.values()].filter(({ unit }) => unit === 'layers');
  }

  /** From the layers of the current image, else from the only task. */
  overall(): Overall | undefined {
    const images = this.images();
    const [image] = images;
    if (image !== undefined) {
      const sum = (value: (task: RunningTask) => number): number => images.reduce((all, one) => all + value(one), 0);
      const layers = { done: sum(({ done }) => done), of: sum(({ total }) => total ?? 0) };
      const part = sum((one) => one.part ?? 0) / images.length;
      // The work is done when the last layer has ended, which takes time.
      return { id: image.id, part: layers.done < layers.of ? Math.min(part, 0.99) : part, layers };
    }
    const [only, ...others] = this.running.values();
    return only === undefined || others.length > 0 ? undefined : { id: only.id, part: only.part };
  }

  #advance(task: RunningTask, event: Extract<ProgressEvent, { type: 'advance' }>): void {
    task.phase = event.phase ?? task.phase;
    const done = Math.max(task.done, event.done);
    const files = Math.max(task.files, event.files ?? 0);
    this.#count(task, done - task.done, files - task.files);
    task.done = done;
    task.files = files;
    if (event.total !== undefined) task.total = Math.max(event.total, task.total ?? 0);
    const part = event.part ?? (task.total === undefined || task.total === 0 ? undefined : done / task.total);
    if (part !== undefined) task.part = Math.min(1, Math.max(part, task.part ?? 0));
  }

  #count({ phase, unit, layer }: RunningTask, done: number, files: number): void {
    if (unit === 'layers') return;
    if (phase === 'download') this.#moved.downloaded += done;
    else if (phase === 'copy' && layer !== undefined) this.#moved.copied += done;
    else if (phase === 'unpack' && unit === 'files') this.#moved.writtenFiles += done;
    else if (phase === 'unpack') {
      this.#moved.writtenBytes += done;
      this.#moved.writtenFiles += files;
    }
  }
}

/** The task that represents a layer: the first of these. */
const RANKS: readonly Phase[] = ['wait', 'download', 'copy', 'unpack'];

function rank({ phase }: RunningTask): number {
  const index = RANKS.indexOf(phase);
  return index === -1 ? RANKS.length : index;
}

/** Work on a layer or another piece, which has a line of its own. */
export function isTransfer({ phase, layer, unit }: RunningTask): boolean {
  if (unit === 'layers') return false;
  return phase === 'download' || phase === 'unpack' || (phase === 'copy' && layer !== undefined);
}

/** `61.2 MB` or `120 files`. */
export function quantity(value: number, unit: ProgressUnit): string {
  if (unit === 'bytes') return formatBytes(value);
  return value === 1 ? `1 ${unit.slice(0, -1)}` : `${value} ${unit}`;
}

/** The finished amount of a task in its unit: `12.3 MB / 60.0 MB`, `1.2 GB, 41000 files`, `120 / 300 files`. */
export function amountOf({ done, total, unit, files, part = 0 }: RunningTask, of = ' / '): string {
  // The unit is not counted if it is 0 while other numbers progress.
  if (done === 0 && total === undefined && (files > 0 || part > 0)) return files > 0 ? quantity(files, 'files') : '';
  const unitless = unit === 'bytes' ? formatBytes(done) : String(done);
  const amount = total === undefined ? quantity(done, unit) : `${unitless}${of}${quantity(total, unit)}`;
  return files === 0 ? amount : `${amount}, ${quantity(files, 'files')}`;
}

/** `41%`: rounded down, so that 100 means all. */
export const percent = (part: number): string => `${Math.floor(part * 100)}%`;

/** The permanent text about everything moved: `5 layers, 654 MB downloaded, 1.2 GB in 41000 files written`. */
export function movedText({ layers, downloaded, copied, writtenBytes, writtenFiles }: Moved): string {
  const files = quantity(writtenFiles, 'files');
  return [
    layers === 0 ? '' : quantity(layers, 'layers'),
    downloaded === 0 ? '' : `${formatBytes(downloaded)} downloaded`,
    copied === 0 ? '' : `${formatBytes(copied)} copied`,
    writtenFiles === 0
      ? ''
      : writtenBytes === 0
        ? `${files} written`
        : `${formatBytes(writtenBytes)} in ${files} written`,
  ]
    .filter((text) => text !== '')
    .join(', ');
}
