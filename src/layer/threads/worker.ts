/** Entry point of the threads that unpack an image. */
import { parentPort } from 'node:worker_threads';
import { applyLayers } from './apply.ts';
import { decompressLayers } from './decompress.ts';
import { errorMessage, type UnpackEvent, type UnpackJob } from './protocol.ts';

const port = parentPort!;

function send(event: UnpackEvent, transfer: ArrayBuffer[] = []): void {
  port.postMessage(event, transfer);
}

async function run(job: UnpackJob): Promise<void> {
  let current = 0;
  const onLayer = (layer: number): void => {
    current = layer;
  };
  try {
    if (job.role === 'apply') applyLayers(job, send, onLayer);
    else await decompressLayers(job, onLayer);
  } catch (error) {
    send({ type: 'failed', layer: current, error: errorMessage(error) });
  }
}

port.once('message', run);
