/** Reports the progress of unpacking an image: of the current layer and of all layers, downloads included. */
import type { RecipeLayer } from '../../contract/ref.ts';
import type { JobContext } from '../../contract/session.ts';
import { shortDigest } from '../../core/digest.ts';
import { Task } from '../../core/progress.ts';
import { UnpackCounters } from '../../layer/threads/counters.ts';
import { LayersTask } from '../layers-task.ts';

/** Interval of reading the counters, in milliseconds. */
const LOOK_MS = 100;

export class UnpackProgress {
  /** The counters of the threads. */
  readonly counters: UnpackCounters;
  readonly #layers: readonly RecipeLayer[];
  readonly #missing: readonly boolean[];
  readonly #all: LayersTask;
  readonly #timer: NodeJS.Timeout;
  /** The layer that is being unpacked, and its task. */
  #at = 0;
  #task: Task | undefined;
  /** Unpacked bytes of its blob. */
  #unpacked = 0;

  /** @param missing for each layer, whether its blob has to be brought into the store first */
  constructor(job: JobContext, layers: readonly RecipeLayer[], missing: readonly boolean[]) {
    this.#layers = layers;
    this.#missing = missing;
    this.counters = new UnpackCounters(layers.length);
    // A byte that is fetched and unpacked counts twice.
    const work = layers.map(({ descriptor: { size } }, layer) => (missing[layer] ? 2 * size : size));
    this.#all = new LayersTask(job.progress, 'unpack', work);
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
    this.#timer.unref();
  }

  /** The job for fetching one layer. */
  jobOf(job: JobContext, layer: number): JobContext {
    return { ...job, progress: this.#all.of(layer) };
  }

  /** Reports how many bytes of a layer's blob have arrived. */
  fetched(layer: number, bytes: number): void {
    if (this.#missing[layer] === true) this.#all.advance(layer, 'fetched', bytes);
  }

  /** Reports that unpacking a layer begins; the layers before it are done. */
  reached(layer: number): void {
    this.#finish(layer);
    const { digest } = this.#layers[layer]!.descriptor;
    this.#task = new Task(this.#all.of(layer), 'unpack', `layer ${shortDigest(digest)}`);
  }

  /** Reports that the last layer is written. */
  applied(): void {
    this.#finish(this.#layers.length);
    clearInterval(this.#timer);
  }

  end(status: 'done' | 'failed' | 'aborted'): void {
    clearInterval(this.#timer);
    this.#task?.end(status);
    this.#all.end(status);
  }

  #finish(next: number): void {
    this.#look();
    this.#task?.end();
    this.#unpacked = 0;
    for (; this.#at < next; this.#at += 1) this.#all.finish(this.#at);
  }

  #look(): void {
    const { unpacked, files, bytes } = this.counters.of(this.#at);
    const { size } = this.#layers[this.#at]!.descriptor;
    this.#unpacked = Math.max(this.#unpacked, unpacked);
    this.#task?.advance(bytes, { files, ...(size === 0 ? {} : { part: this.#unpacked / size }) });
    this.#all.advance(this.#at, 'unpacked', this.#unpacked);
  }
}
