/** A blob of the store as a source writes it out: hashed while it is read, since disks and people change files. */
import type { Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { Store } from '../contract/index.ts';
import { type Digest, digestHex, hasherFor } from '../core/digest.ts';
import { CtxsrcError } from '../core/errors.ts';

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

  /** The bytes, from the first on; to be asked for once, and to be checked before they are given to anybody. */
  async *read(signal: AbortSignal): AsyncGenerator<Buffer> {
    const stream = createReadStream(this.path, { start: this.#read, highWaterMark: READ_SIZE, signal });
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      this.#hash.update(chunk);
      this.#read += chunk.length;
      yield chunk;
    }
  }

  /**
   * Looks whether all bytes, those too that were not read yet, are the blob's.
   * @throws E_STORE_CORRUPT when they are others: the blob is removed
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
