/** Entry point of the threads that unpack an image. */
import { workerData } from 'node:worker_threads';
import { localError } from '../../core/errors.ts';
import { runWork, say } from '../../core/thread/thread.ts';
import { applyLayers } from './apply.ts';
import { decompressLayers } from './decompress.ts';
import type { UnpackEvent, UnpackJob } from './protocol.ts';

const job = workerData as UnpackJob;
let current = 0;

function onLayer(layer: number): void {
  current = layer;
  if (job.role === 'apply') say<UnpackEvent>({ type: 'layer', layer });
}

void runWork(async () => {
  try {
    if (job.role === 'apply') applyLayers(job, onLayer);
    else await decompressLayers(job, onLayer);
  } catch (error) {
    say<UnpackEvent>({ type: 'failed', layer: current });
    throw localError(error, 'cannot unpack');
  }
});
