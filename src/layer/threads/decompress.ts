/** Reads the blobs of all layers in order, from files that may still grow, and decompresses them into the ring. */
import { readSync } from 'node:fs';
import { CtxsrcError } from '../../core/errors.ts';
import { SIZE_WRONG } from '../../core/integrity-hints.ts';
import { decompressInto } from '../compress/decompress.ts';
import { Condition } from './condition.ts';
import { UnpackCounters } from './counters.ts';
import { FileJobs } from './file-jobs.ts';
import { BlobTable, type UnpackJob } from './protocol.ts';
import { SlotRing } from './slot-ring.ts';

const READ_SIZE = 128 << 10;
/** A small blob, which may hold very many files, is read in small pieces so that progress is visible. */
const LEAST_READ_SIZE = 4 << 10;
const PIECES = 64;

/**
 * Runs until it is terminated, when the other thread needs it no more. While there is nothing to decompress, or no room
 * for it, it writes files.
 */
export async function decompressLayers(job: UnpackJob, onLayer: (layer: number) => void): Promise<void> {
  const ring = new SlotRing(job.ring);
  const jobs = new FileJobs(job.jobs, job.dir);
  const blobs = new BlobTable(job.blobs);
  const counters = new UnpackCounters(job.counters);
  const own = new Condition(job.decompressCondition);
  const other = new Condition(job.applyCondition);
  const waitUntil = (ready: () => boolean): void => {
    if (ready()) return;
    own.sleepUntil(ready, () => {
      if (!jobs.work()) return false;
      other.raise();
      return true;
    });
  };
  const buffer = Buffer.allocUnsafeSlow(READ_SIZE);

  for (const [layer, { digest, size }] of job.layers.entries()) {
    onLayer(layer);
    const pieceSize = Math.min(READ_SIZE, Math.max(LEAST_READ_SIZE, Math.ceil(size / PIECES)));
    let position = 0;
    let made = 0;
    const source = function* (): Generator<Buffer> {
      while (position < size) {
        waitUntil(() => blobs.available(layer) > position && blobs.fd(layer) !== undefined);
        const wanted = Math.min(pieceSize, blobs.available(layer) - position);
        const n = readSync(blobs.fd(layer)!, buffer, 0, wanted, position);
        if (n === 0) {
          throw new CtxsrcError('E_SIZE_MISMATCH', `the blob ${digest} is shorter than it should be`, {
            hint: SIZE_WRONG,
          });
        }
        position += n;
        yield buffer.subarray(0, n);
        // When more is requested, these bytes have been decompressed.
        counters.decompressed(layer, position, made);
      }
    };
    const hasSpace = (): boolean => ring.hasSpace;
    const sink = {
      room() {
        waitUntil(hasSpace);
        return ring.slot;
      },
      filled(bytes: number) {
        made += bytes;
        if (ring.filled(bytes)) other.raise();
      },
    };
    await decompressInto(source(), sink, job.options.limits.maxRatio);
    waitUntil(hasSpace);
    ring.endLayer();
    other.raise();
  }
  waitUntil(() => false);
}
