/** The work on all layers of an image as one task: the number of finished layers, and the part of the whole work. */
import { type Phase, type Progress, placed, Task } from '../core/progress.ts';

/** The tasks of single layers are its parts. Its progress never decreases. */
export class LayersTask {
  readonly #progress: Progress;
  readonly #task: Task;
  readonly #layers: { readonly work: number; fetched: number; unpacked: number; done: boolean }[];
  readonly #total: number;
  /** Bytes worked on so far. */
  #sum = 0;
  #done = 0;

  /** @param work for each layer, base first, its bytes of work: to fetch and to unpack */
  constructor(progress: Progress, phase: Phase, work: readonly number[]) {
    this.#progress = progress;
    this.#layers = work.map((bytes) => ({ work: bytes, fetched: 0, unpacked: 0, done: false }));
    this.#total = work.reduce((sum, bytes) => sum + bytes, 0);
    const label = work.length === 1 ? 'the layer' : `all ${work.length} layers`;
    this.#task = new Task(progress, phase, label, { total: work.length, unit: 'layers' });
  }

  /** The progress for the tasks of one layer. */
  of(layer: number): Progress {
    return placed(this.#progress, { parent: this.#task.id, layer: layer + 1, layers: this.#layers.length });
  }

  /** Reports how many bytes of a layer are fetched, or unpacked. */
  advance(layer: number, how: 'fetched' | 'unpacked', bytes: number): void {
    const one = this.#layers[layer]!;
    if (one.done || bytes <= one[how]) return;
    this.#sum += bytes - one[how];
    one[how] = bytes;
    this.#tell();
  }

  /** Reports that a layer is finished. */
  finish(layer: number): void {
    const one = this.#layers[layer]!;
    if (one.done) return;
    this.#sum += one.work - one.fetched - one.unpacked;
    one.done = true;
    this.#done += 1;
    this.#tell();
  }

  end(status: 'done' | 'cached' | 'failed' | 'aborted' = 'done'): void {
    this.#task.end(status);
  }

  #tell(): void {
    const part = this.#total === 0 ? this.#done / this.#layers.length : Math.min(1, this.#sum / this.#total);
    this.#task.advance(this.#done, { part });
  }
}
