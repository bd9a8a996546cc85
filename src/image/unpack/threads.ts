/** The threads that unpack an image, as the main thread sees them. */
import type { RecipeLayer, WriteOptions, WriteReport } from '../../contract/ref.ts';
import { ThreadGroup } from '../../core/thread/thread.ts';
import { unpackReport } from '../../layer/apply/report.ts';
import { Condition } from '../../layer/threads/condition.ts';
import type { UnpackCounters } from '../../layer/threads/counters.ts';
import { jobMemory } from '../../layer/threads/file-jobs.ts';
import type { BlobTable, UnpackEvent, UnpackJob } from '../../layer/threads/protocol.ts';
import { ringMemory } from '../../layer/threads/slot-ring.ts';

export interface UnpackOptions {
  readonly dir: string;
  readonly options: WriteOptions;
  readonly layers: readonly RecipeLayer[];
  readonly blobs: BlobTable;
  readonly counters: UnpackCounters;
  readonly signal: AbortSignal;
  /** Called when a layer begins; an error from it ends the work. */
  readonly onLayer: (layer: number) => void;
  /** Called when the last layer is written. */
  readonly onApplied: () => void;
}

/** One thread each; the first helps the second. */
const ROLES = ['decompress', 'apply'] as const;
const DECOMPRESS = ROLES.indexOf('decompress');

export class UnpackThreads {
  readonly #threads: ThreadGroup<UnpackEvent>;
  readonly #wake = new Condition();
  /** The threads' result or failure; the reason of the signal if it is aborted first. */
  readonly result: Promise<WriteReport>;
  /** The layer at which unpacking failed. */
  failedLayer: number | undefined;

  constructor({ dir, options, layers, blobs, counters, signal, onLayer, onApplied }: UnpackOptions) {
    const ring = ringMemory();
    const shared = {
      dir,
      options: { owner: options.owner, epoch: options.epoch, limits: options.limits, filter: options.filter },
      layers: layers.map(({ descriptor, diffId }) => ({ digest: descriptor.digest, size: descriptor.size, diffId })),
      ring,
      jobs: jobMemory(ring.data),
      blobs: blobs.memory,
      counters: counters.memory,
      decompressCondition: this.#wake.memory,
      applyCondition: new Condition().memory,
    };
    const data: UnpackJob[] = ROLES.map((role) => ({ ...shared, role }));
    let onDone!: (report: WriteReport) => void;
    const done = new Promise<WriteReport>((resolve) => {
      onDone = resolve;
    });
    const onSaid = (event: UnpackEvent): void => {
      if (event.type === 'layer') onLayer(event.layer);
      else if (event.type === 'failed') this.failedLayer = event.layer;
      else if (event.type === 'done') onDone(unpackReport(event.report));
      else {
        onApplied();
        // Frees memory for the list of written entries.
        void this.#threads.end(DECOMPRESS);
      }
    };
    this.#threads = new ThreadGroup({ name: 'worker-unpack', data, signal, onSaid });
    this.result = Promise.race([done, this.#threads.ended.then(() => done)]);
  }

  /** Reports that the table of blobs has changed. */
  blobsChanged(): void {
    this.#wake.raise();
  }

  /**
   * Terminates the threads in any state, and waits until they have ended. The helping thread first: the descriptors
   * below which both write belong to the applying thread.
   */
  async close(): Promise<void> {
    await this.#threads.end(DECOMPRESS);
    await this.#threads.end();
  }
}
