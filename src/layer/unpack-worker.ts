/** Entry point of the threads that unpack an image. */
import { parentPort, workerData } from 'node:worker_threads';
import { applyLayers } from './apply-thread.ts';
import { decompressLayers } from './decompress-thread.ts';
import { errorMessage, type UnpackEvent, type UnpackJob } from './unpack-protocol.ts';

const job = workerData as UnpackJob;
let current = 0;

function send(event: UnpackEvent, transfer: ArrayBuffer[] = []): void {
  parentPort!.postMessage(event, transfer);
}

function onLayer(layer: number): void {
  current = layer;
}

try {
  if (job.role === 'apply') applyLayers(job, send, onLayer);
  else await decompressLayers(job, send, onLayer);
} catch (error) {
  send({ type: 'failed', layer: current, error: errorMessage(error) });
}
