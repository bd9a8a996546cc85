/** The threads that unpack an image, seen from outside. */
import type { Worker } from 'node:worker_threads';
import type { RecipeLayer, WriteOptions, WriteReport } from '../../contract/ref.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { startThread } from '../../core/thread/thread.ts';
import { unpackReport } from '../../layer/apply/report.ts';
import { Condition } from '../../layer/threads/condition.ts';
import type { UnpackCounters } from '../../layer/threads/counters.ts';
import { jobMemory } from '../../layer/threads/file-jobs.ts';
import { type BlobTable, reviveError, type UnpackEvent, type UnpackJob } from '../../layer/threads/protocol.ts';
import { ringMemory } from '../../layer/threads/slot-ring.ts';

export interface UnpackOptions {
  readonly dir: string;
  readonly options: WriteOptions;
  readonly layers: readonly RecipeLayer[];
  readonly blobs: BlobTable;
  readonly counters: UnpackCounters;
}

/** The first helps the second. */
const ROLES = ['decompress', 'apply'] as const;

export class UnpackThreads {
  readonly #workers: readonly Worker[];
  readonly #wake = new Condition();
  #closed: Promise<void> | undefined;
  /** The layer at which unpacking failed. */
  failedLayer: number | undefined;

  constructor({ dir, options, layers, blobs, counters }: UnpackOptions) {
    const shared = {
      dir,
      options: { owner: options.owner, epoch: options.epoch, limits: options.limits, filter: options.filter },
      layers: layers.map(({ descriptor, diffId }) => ({ digest: descriptor.digest, size: descriptor.size, diffId })),
      ring: ringMemory(),
      jobs: jobMemory(),
      blobs: blobs.memory,
      counters: counters.memory,
      decompressCondition: this.#wake.memory,
      applyCondition: new Condition().memory,
    };
    this.#workers = ROLES.map(() => startThread('worker-unpack'));
    for (const [index, worker] of this.#workers.entries()) {
      worker.postMessage({ ...shared, role: ROLES[index]! } satisfies UnpackJob);
    }
  }

  /** There is more in the table of blobs. */
  blobsChanged(): void {
    this.#wake.raise();
  }

  /**
   * What they make, or what they fail with; the reason of the signal when that is aborted first.
   * @param onLayer told when a layer is begun; what it throws ends the work
   * @param onApplied told when the last one is written
   */
  result(signal: AbortSignal, onLayer: (layer: number) => void, onApplied: () => void): Promise<WriteReport> {
    return new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      const [decompressing] = this.#workers;
      let applied = false;
      for (const worker of this.#workers) {
        worker.on('message', (event: UnpackEvent) => {
          if (event.type === 'done') resolve(unpackReport(event.report));
          else if (event.type === 'failed') reject(this.#failed(event));
          else if (event.type === 'applied') {
            applied = true;
            onApplied();
            // Makes room for the list of what was written.
            void decompressing!.terminate();
          } else {
            try {
              onLayer(event.layer);
            } catch (error) {
              reject(error);
            }
          }
        });
        worker.on('error', reject);
        worker.on('exit', (code) => {
          if (applied && worker === decompressing) return;
          reject(new CtxsrcError('E_INTERNAL', `an unpacking thread ended with code ${code}`));
        });
      }
    });
  }

  /** Ends the threads, whatever they are doing, and waits until they have. */
  async close(): Promise<void> {
    this.#closed ??= this.#terminate();
    await this.#closed;
  }

  /** The one that helps first: with the one that applies go the descriptors below which both write. */
  async #terminate(): Promise<void> {
    for (const worker of this.#workers) await worker.terminate();
  }

  #failed({ layer, error }: Extract<UnpackEvent, { type: 'failed' }>): CtxsrcError {
    this.failedLayer = layer;
    return reviveError(error);
  }
}
