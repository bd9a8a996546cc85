/** Reads the archive of one layer, verified. */
import { createHash } from 'node:crypto';
import type { JobContext } from '../../contract/session.ts';
import type { Store } from '../../contract/store.ts';
import { type Digest, digestAlgorithm, shortDigest } from '../../core/digest.ts';
import { isCtxsrcError } from '../../core/errors.ts';
import { Task } from '../../core/progress.ts';
import { type ByteSink, decompressInto } from '../../layer/compress/decompress.ts';
import { checkDiffId } from '../../layer/diff-id.ts';
import { type TarHandler, TarReader } from '../../layer/tar/reader.ts';
import type { Descriptor } from '../../oci/types.ts';
import { isDamage, ofLayer } from '../layer-damage.ts';
import { explainMismatch } from '../unpack/blob-feed.ts';

export interface OpenLayer {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
  /** The bytes of the blob, verified: fetched if it is not there. */
  read(job: JobContext): AsyncIterable<Uint8Array>;
}

/** Bytes that are decompressed at a time. */
const PIECE = 256 << 10;

/**
 * Feeds the layer to a handler, to the end. What the handler made of it is to be used only after this has returned:
 * then the digests of the blob and of its content are right.
 * @throws CtxsrcError `E_DIGEST_MISMATCH`, `E_DIFF_ID_MISMATCH`, `E_ARCHIVE_INVALID`, `E_LIMIT`, `E_STORE_CORRUPT`, those
 * of the handler and of fetching
 */
export async function readLayerArchive(
  job: JobContext,
  store: Store,
  { descriptor, diffId, read }: OpenLayer,
  handler: TarHandler,
  maxRatio: number,
): Promise<void> {
  const { digest } = descriptor;
  const work = async (task: Task): Promise<void> => {
    const hash = createHash(digestAlgorithm(diffId));
    const reader = new TarReader(handler);
    // One piece of memory for all: what a layer becomes piles up faster than it is collected.
    const buffer = Buffer.allocUnsafe(PIECE);
    const sink: ByteSink = {
      room: () => ({ buffer, offset: 0 }),
      filled(length) {
        const piece = buffer.subarray(0, length);
        hash.update(piece);
        reader.push(piece);
      },
    };
    await decompressInto(counted(job, read(job), task), sink, maxRatio);
    checkDiffId(hash, digest, diffId);
    reader.finish();
  };
  try {
    await Task.run(job, 'verify', `layer ${shortDigest(digest)}`, work, { total: descriptor.size });
  } catch (error) {
    if (!isDamage(error)) throw error;
    const isStored = (await store.blobs.size(digest)) !== undefined;
    const explained = isStored ? await explainMismatch(store, digest, error) : error;
    throw isCtxsrcError(explained, 'E_STORE_CORRUPT') ? explained : ofLayer(error, digest);
  }
}

async function* counted(job: JobContext, bytes: AsyncIterable<Uint8Array>, task: Task): AsyncGenerator<Buffer> {
  let done = 0;
  for await (const chunk of bytes) {
    job.signal.throwIfAborted();
    done += chunk.length;
    task.advance(done);
    yield chunk as Buffer;
  }
}
