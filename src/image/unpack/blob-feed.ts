/** Brings the blobs of an image's layers into the store, in order and a few at a time, and says where they can be read. */
import { closeSync, createReadStream, fstatSync, openSync, read } from 'node:fs';
import { promisify } from 'node:util';
import type { RecipeLayer } from '../../contract/ref.ts';
import type { JobContext } from '../../contract/session.ts';
import type { Store } from '../../contract/store.ts';
import { type Digest, digestHex, hasherFor } from '../../core/digest.ts';
import { CtxsrcError, isAbort, localError } from '../../core/errors.ts';
import { LAYOUT_DAMAGED } from '../../core/integrity-hints.ts';
import type { BlobTable } from '../../layer/threads/protocol.ts';
import type { UnpackProgress } from './progress.ts';

const readInto = promisify(read);

/** Layers that are fetched at the same time. */
const CONCURRENCY = 6;

/** Blobs that are open for the layers that are unpacked next: an image may have more layers than a process may open files. */
const AHEAD = 12;

const READ_SIZE = 512 << 10;

export class BlobFeed {
  readonly #job: JobContext;
  readonly #store: Store;
  readonly #layers: readonly RecipeLayer[];
  readonly #blobs: BlobTable;
  readonly #progress: UnpackProgress;
  readonly #onChange: () => void;
  readonly #abort: AbortSignal;
  readonly #fds = new Map<number, number>();
  /** Where the blobs are that can be read, wholly or in part. */
  readonly #places = new Map<number, { readonly path: string; readonly bytes: number }>();
  /** Blobs that have the name they keep. */
  readonly #whole = new Set<number>();
  /** The layer that is unpacked. */
  #at = 0;
  readonly #cached = new Set<number>();
  readonly #coming = new Map<number, Promise<void>>();
  #running: Promise<void> = Promise.resolve();

  /** @param abort the caller's own signal; that of `job` fires when unpacking fails, too */
  constructor(
    job: JobContext,
    store: Store,
    layers: readonly RecipeLayer[],
    blobs: BlobTable,
    progress: UnpackProgress,
    onChange: () => void,
    abort: AbortSignal,
  ) {
    this.#job = job;
    this.#abort = abort;
    this.#store = store;
    this.#layers = layers;
    this.#blobs = blobs;
    this.#progress = progress;
    this.#onChange = onChange;
  }

  /** Resolves when all blobs are in the store, whole and verified. */
  run(): Promise<void> {
    const waiting = this.#layers.keys();
    const lane = async (): Promise<void> => {
      for (const layer of waiting) {
        const coming = this.#bring(layer);
        this.#coming.set(layer, coming);
        await coming;
      }
    };
    this.#running = Promise.all(Array.from({ length: CONCURRENCY }, lane)).then(() => undefined);
    this.#running.catch(() => undefined);
    return this.#running;
  }

  /**
   * The layers before this one are unpacked: their blobs are closed, and some that come are opened.
   * @throws CtxsrcError when a blob that was there is gone
   */
  reached(layer: number): void {
    this.#at = layer;
    for (const [done, fd] of this.#fds) {
      if (done >= layer) continue;
      closeSync(fd);
      this.#fds.delete(done);
    }
    for (const next of this.#places.keys()) {
      if (this.#fds.has(next)) continue;
      try {
        this.#show(next);
      } catch (error) {
        // One that has just become whole is under another name, which is about to be announced.
        if (this.#whole.has(next)) throw error;
      }
    }
  }

  /** Waits until a layer's blob is whole and verified, or will not be. */
  async settled(layer: number): Promise<void> {
    await this.#coming.get(layer)?.catch(() => undefined);
  }

  /** Waits for the end of everything. @returns what fetching failed with, when it was not only told to stop */
  async failure(): Promise<unknown> {
    try {
      await this.#running;
    } catch (error) {
      return isAbort(error) ? undefined : error;
    }
    return undefined;
  }

  /** The blob was in the store before: nobody has looked at its bytes in this run. */
  wasCached(layer: number): boolean {
    return this.#cached.has(layer);
  }

  /** A blob that comes after this is not opened: nobody would read it, or close it. */
  close(): void {
    this.#at = this.#layers.length;
    for (const fd of this.#fds.values()) closeSync(fd);
    this.#fds.clear();
  }

  async #bring(layer: number): Promise<void> {
    const { descriptor, fetch, file } = this.#layers[layer]!;
    this.#job.signal.throwIfAborted();
    if ((await this.#store.blobs.size(descriptor.digest)) !== undefined) {
      this.#cached.add(layer);
    } else if (file !== undefined) {
      return this.#readInPlace(layer, file);
    } else {
      const job = this.#progress.jobOf(this.#job, layer);
      await fetch.call(this.#layers[layer], job, (path, bytes) => this.#announce(layer, path, bytes));
    }
    this.#whole.add(layer);
    this.#announce(layer, this.#store.blobs.path(descriptor.digest), descriptor.size);
  }

  /** A file of the user's is unpacked while it is hashed here, without a copy in the store. */
  async #readInPlace(layer: number, file: string): Promise<void> {
    this.#whole.add(layer);
    this.#announce(layer, file, this.#layers[layer]!.descriptor.size);
    const fd = openBlob(file);
    try {
      await this.#check(layer, file, fd);
    } finally {
      closeSync(fd);
    }
  }

  async #check(layer: number, file: string, fd: number): Promise<void> {
    const { digest, size } = this.#layers[layer]!.descriptor;
    const found = fstatSync(fd).size;
    if (found !== size) {
      throw new CtxsrcError('E_SIZE_MISMATCH', `${file} has ${found} bytes where ${size} were promised for ${digest}`, {
        hint: LAYOUT_DAMAGED,
      });
    }
    // Not stopped when unpacking fails: a blob that is not its digest's is then the reason.
    const hash = hasherFor(digest);
    // One buffer again and again: fresh ones, as a stream makes them, cost more than reading into them.
    const buffer = Buffer.allocUnsafeSlow(READ_SIZE);
    for (let position = 0; position < size; ) {
      this.#abort.throwIfAborted();
      const n = await readAt(fd, buffer, position);
      if (n === 0) {
        throw new CtxsrcError('E_SIZE_MISMATCH', `${file} became shorter while it was read`, {
          hint: 'something else writes to the layout: run again when it is done',
        });
      }
      hash.update(buffer.subarray(0, n));
      position += n;
    }
    if (hash.digest('hex') !== digestHex(digest)) {
      throw new CtxsrcError('E_DIGEST_MISMATCH', `the bytes of ${file} do not have the digest that names it`, {
        hint: LAYOUT_DAMAGED,
        details: { expected: digest },
      });
    }
  }

  #announce(layer: number, path: string, bytes: number): void {
    this.#places.set(layer, { path, bytes });
    this.#progress.fetched(layer, bytes);
    this.#show(layer);
  }

  /** Lets the threads read a blob, when its turn is near. */
  #show(layer: number): void {
    if (layer < this.#at || layer >= this.#at + AHEAD) return;
    const { path, bytes } = this.#places.get(layer)!;
    if (!this.#fds.has(layer)) {
      const fd = openBlob(path);
      this.#fds.set(layer, fd);
      this.#blobs.open(layer, fd);
    }
    this.#blobs.grow(layer, bytes);
    this.#onChange();
  }
}

function openBlob(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (error) {
    throw localError(error, `cannot read the blob ${path}`);
  }
}

/**
 * Why a blob from the store did not unpack: when its bytes are not those of its digest, the store is to blame, and the
 * blob is removed.
 */
export async function explainMismatch(store: Store, digest: Digest, error: CtxsrcError): Promise<CtxsrcError> {
  const hash = hasherFor(digest);
  for await (const chunk of createReadStream(store.blobs.path(digest))) hash.update(chunk as Buffer);
  if (hash.digest('hex') === digestHex(digest)) return error;
  await store.blobs.discard(digest);
  return new CtxsrcError('E_STORE_CORRUPT', `the blob ${digest} in the cache was damaged and has been removed`, {
    hint: 'run the same command again: it will be fetched anew',
    cause: error,
  });
}

async function readAt(fd: number, buffer: Buffer, position: number): Promise<number> {
  return (await readInto(fd, buffer, 0, buffer.length, position)).bytesRead;
}
