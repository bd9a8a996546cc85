/** The thread that unpacks an image: all its layers in order, from files that may still grow. */
import { createHash } from 'node:crypto';
import { readSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { digestAlgorithm, digestHex } from '../core/digest.ts';
import { CtxsrcError, ioError } from '../core/errors.ts';
import { LayerApplier } from './apply.ts';
import { decompress, detectCompression } from './decompress.ts';
import { packEntries } from './report.ts';
import { TarReader } from './tar-reader.ts';
import {
  type BlobMessage,
  type ErrorMessage,
  GrowthCounters,
  type UnpackEvent,
  type UnpackJob,
} from './unpack-protocol.ts';

const READ_SIZE = 128 << 10;
const PROGRESS_BYTES = 4 << 20;

const port = parentPort!;
const job = workerData as UnpackJob;
const growth = new GrowthCounters(job.growth);
const opened = new Map<number, number>();
let wake: (() => void) | undefined;
let current = 0;

port.on('message', (message: BlobMessage) => {
  if ('fd' in message) opened.set(message.layer, message.fd);
  wake?.();
});

function send(event: UnpackEvent, transfer: ArrayBuffer[] = []): void {
  port.postMessage(event, transfer);
}

/** Waits until something is said about any layer. */
function news(): Promise<void> {
  return new Promise((resolve) => {
    wake = resolve;
  });
}

/** The bytes of a blob as they come. */
async function* read(layer: number, size: number): AsyncGenerator<Buffer> {
  let fd = opened.get(layer);
  for (; fd === undefined; fd = opened.get(layer)) await news();
  let position = 0;
  let reported = 0;
  while (position < size) {
    const here = growth.available(layer);
    if (here <= position) {
      const heard = news();
      if (growth.ask(layer, here)) await heard;
      continue;
    }
    const chunk = Buffer.allocUnsafeSlow(Math.min(READ_SIZE, here - position));
    const n = readSync(fd, chunk, 0, chunk.length, position);
    if (n === 0) {
      throw new CtxsrcError('E_SIZE_MISMATCH', `the blob ${job.layers[layer]!.digest} is shorter than it should be`);
    }
    position += n;
    if (position - reported >= PROGRESS_BYTES) {
      reported = position;
      send({ type: 'advance', layer, done: position });
    }
    yield n === chunk.length ? chunk : chunk.subarray(0, n);
  }
}

async function unpackLayer(applier: LayerApplier, layer: number): Promise<void> {
  const { digest, diffId, size } = job.layers[layer]!;
  const reader = new TarReader(applier);
  const hash = createHash(digestAlgorithm(diffId));
  applier.beginLayer();
  const input = read(layer, size);
  const first = await input.next();
  if (first.done !== true) {
    const compression = detectCompression(first.value);
    for await (const chunk of decompress(prepend(first.value, input), compression, job.options.limits.maxRatio)) {
      hash.update(chunk);
      reader.push(chunk);
    }
  }
  reader.finish();
  applier.endLayer();
  const actual = hash.digest('hex');
  if (actual !== digestHex(diffId)) {
    throw new CtxsrcError(
      'E_DIFF_ID_MISMATCH',
      `the content of layer ${digest} has the digest ${digestAlgorithm(diffId)}:${actual}, but the image configuration says ${diffId}`,
    );
  }
}

async function* prepend(first: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield first;
  yield* rest;
}

async function run(): Promise<void> {
  const applier = new LayerApplier(job.dir, job.options);
  try {
    for (const layer of job.layers.keys()) {
      current = layer;
      send({ type: 'layer', layer });
      await unpackLayer(applier, layer);
    }
    applier.finish();
    const report = {
      ...packEntries(applier.root, applier.digests),
      losses: applier.losses.losses,
      lossCounts: applier.losses.counts,
    };
    send(
      { type: 'done', report },
      report.chunks.map((chunk) => chunk.buffer),
    );
  } finally {
    applier.close();
  }
}

function errorMessage(thrown: unknown): ErrorMessage {
  const error = ioError(thrown, 'cannot unpack');
  const typed = error instanceof CtxsrcError ? error : new CtxsrcError('E_INTERNAL', String(thrown));
  const { code, message, hint, details } = typed;
  return { code, message, hint, details, stack: thrown instanceof Error ? thrown.stack : undefined };
}

run().catch((error: unknown) => send({ type: 'failed', layer: current, error: errorMessage(error) }));
