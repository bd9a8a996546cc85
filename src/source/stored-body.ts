/** A blob of the store that a source writes: hashed while it is read, since disks and people change files. */
import type { Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { Store } from '../contract/index.ts';
import { type Digest, digestHex, hasherFor } from '../core/digest.ts';
import { CtxsrcError } from '../core/errors.ts';
import { withGoodBlob } from '../core/with-good-blob.ts';

const READ_SIZE = 1 << 20;

export class StoredBody {
  readonly digest: Digest;
  readonly path: string;
  readonly #store: Store;
  readonly #hash: Hash;
  #read = 0;

  constructor(store: Store, digest: Digest) {
    this.digest = digest;
    this.path = store.blobs.path(digest);
    this.#store = store;
    this.#hash = hasherFor(digest);
  }

  /** The bytes, from the first one. Call it once, and call `check` before the bytes are passed on. */
  async *read(signal: AbortSignal): AsyncGenerator<Buffer> {
    const stream = createReadStream(this.path, { start: this.#read, highWaterMark: READ_SIZE, signal });
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      this.#hash.update(chunk);
      this.#read += chunk.length;
      yield chunk;
    }
  }

  /**
   * Verifies all bytes of the blob, also those that were not read yet.
   * @throws E_STORE_CORRUPT if they do not match: the blob is removed
   */
  async check(signal: AbortSignal): Promise<void> {
    for await (const _ of this.read(signal));
    if (this.#hash.digest('hex') === digestHex(this.digest)) return;
    await this.#store.blobs.discard(this.digest);
    throw new CtxsrcError('E_STORE_CORRUPT', `the blob ${this.digest} in the cache was damaged and has been removed`, {
      hint: 'run the same command again: it will be fetched anew',
    });
  }
}

/**
 * Has a blob brought into the store; one that was there already is verified, and fetched anew if it was damaged: without
 * a known size, nothing else tells a blob that a power cut has shortened.
 * @param bring returns false if the blob was there
 */
export function pullGoodBlob(
  store: Store,
  digest: Digest,
  signal: AbortSignal,
  bring: () => Promise<boolean>,
): Promise<void> {
  return withGoodBlob(async () => {
    if (!(await bring())) await new StoredBody(store, digest).check(signal);
  });
}
