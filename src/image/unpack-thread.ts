/** The thread that unpacks an image, seen from outside. */
import { Worker } from 'node:worker_threads';
import type { RecipeLayer, WriteOptions, WriteReport } from '../contract/ref.ts';
import type { JobContext } from '../contract/session.ts';
import { shortDigest } from '../core/digest.ts';
import { CtxsrcError } from '../core/errors.ts';
import { Task } from '../core/progress.ts';
import { workerUrl } from '../core/worker-url.ts';
import { unpackReport } from '../layer/report.ts';
import type { BlobMessage, ErrorMessage, GrowthCounters, UnpackEvent, UnpackJob } from '../layer/unpack-protocol.ts';

export interface UnpackThreadOptions {
  readonly dir: string;
  readonly options: WriteOptions;
  readonly layers: readonly RecipeLayer[];
  readonly growth: GrowthCounters;
}

export class UnpackThread {
  readonly #worker: Worker;
  readonly #job: JobContext;
  readonly #layers: readonly RecipeLayer[];
  #task: Task | undefined;
  #closed: Promise<number> | undefined;
  /** The layer at which unpacking failed. */
  failedLayer: number | undefined;

  constructor(job: JobContext, { dir, options, layers, growth }: UnpackThreadOptions) {
    this.#job = job;
    this.#layers = layers;
    const workerData: UnpackJob = {
      dir,
      options: { owner: options.owner, epoch: options.epoch, limits: options.limits },
      layers: layers.map(({ descriptor, diffId }) => ({ digest: descriptor.digest, size: descriptor.size, diffId })),
      growth: growth.memory,
    };
    this.#worker = new Worker(workerUrl('worker-unpack'), { workerData, name: 'ctxsrc-unpack' });
  }

  tell(message: BlobMessage): void {
    this.#worker.postMessage(message);
  }

  /** What it makes, or what it fails with; the reason of the signal when that is aborted first. */
  result(signal: AbortSignal): Promise<WriteReport> {
    return new Promise((resolve, reject) => {
      const abort = (): void => reject(signal.reason);
      signal.addEventListener('abort', abort, { once: true });
      this.#worker.on('message', (event: UnpackEvent) => {
        switch (event.type) {
          case 'layer':
            this.#nextTask(event.layer);
            break;
          case 'advance':
            this.#task?.advance(event.done);
            break;
          case 'done':
            this.#task?.end();
            signal.removeEventListener('abort', abort);
            resolve(unpackReport(event.report));
            break;
          case 'failed':
            this.failedLayer = event.layer;
            reject(revive(event.error));
        }
      });
      this.#worker.on('error', reject);
      this.#worker.on('exit', (code) => {
        reject(new CtxsrcError('E_INTERNAL', `the unpacking thread ended with code ${code}`));
      });
    });
  }

  /** Ends the thread, whatever it is doing, and waits until it has. */
  async close(): Promise<void> {
    this.#task?.end(this.#job.signal.aborted ? 'aborted' : 'failed');
    this.#closed ??= this.#worker.terminate();
    await this.#closed;
  }

  #nextTask(layer: number): void {
    this.#task?.end();
    const { digest, size } = this.#layers[layer]!.descriptor;
    this.#task = new Task(this.#job.progress, 'unpack', `layer ${shortDigest(digest)}`, size);
  }
}

/** A typed error again. */
function revive({ code, message, hint, details, stack }: ErrorMessage): CtxsrcError {
  const cause = stack === undefined ? undefined : Object.assign(new Error(message), { stack });
  return new CtxsrcError(code, message, { hint, details, cause });
}
