/** Entry point of the threads that unpack an image. */
import { workerData } from 'node:worker_threads';
import { localError } from '../../core/errors.ts';
import { runWork, say } from '../../core/thread/thread.ts';
import { applyLayers } from './apply.ts';
import { decompressLayers } from './decompress.ts';
import type { UnpackEvent, UnpackJob } from './protocol.ts';

const job = workerData as UnpackJob;
let current = 0;

void runWork(async () => {
  try {
    if (job.role === 'decompress') {
      await decompressLayers(job, (layer) => {
        current = layer;
      });
      return;
    }
    applyLayers(job, (layer) => {
      current = layer;
      say<UnpackEvent>({ type: 'layer', layer });
    });
  } catch (error) {
    say<UnpackEvent>({ type: 'failed', layer: current });
    throw localError(error, 'cannot unpack');
  }
});
