/**
 * Brings the blobs of an image's layers into the store, in order, a few at a time, and announces where to read them.
 */
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

/** Layers fetched at the same time. */
const CONCURRENCY = 6;

/** Blobs that are open for the next layers: an image may have more layers than a process may open files. */
const AHEAD = 12;

const READ_SIZE = 512 << 10;

interface FeedOptions {
  readonly job: JobContext;
  readonly store: Store;
  readonly layers: readonly RecipeLayer[];
  readonly blobs: BlobTable;
  /** For each layer, whether its blob has to be brought into the store first. */
  readonly missing: readonly boolean[];
  readonly progress: UnpackProgress;
  /** Called when the table of blobs has changed. */
  readonly onChange: () => void;
  /** The caller's own signal; that of `job` also fires when unpacking fails. */
  readonly abort: AbortSignal;
}

export class BlobFeed {
  readonly #options: FeedOptions;
  readonly #layers: readonly RecipeLayer[];
  readonly #fds = new Map<number, number>();
  /** The readable part of each blob. */
  readonly #places = new Map<number, { readonly path: string; readonly bytes: number }>();
  /** Blobs that have their final name. */
  readonly #whole = new Set<number>();
  /** The layer that is being unpacked. */
  #at = 0;
  readonly #cached = new Set<number>();
  readonly #coming = new Map<number, Promise<void>>();
  #running: Promise<void> = Promise.resolve();

  constructor(options: FeedOptions) {
    this.#options = options;
    this.#layers = options.layers;
  }

  /** Resolves when all blobs are in the store, complete and verified. */
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
   * Reports that the layers before this one are unpacked: their blobs are closed, and the next ones are opened.
   * @throws CtxsrcError if a blob in the store vanished
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
        // A blob that just became complete was renamed, which is announced next.
        if (this.#whole.has(next)) throw error;
      }
    }
  }

  /** Waits until a layer's blob is complete and verified, or has failed. */
  async settled(layer: number): Promise<void> {
    await this.#coming.get(layer)?.catch(() => undefined);
  }

  /**
   * Waits for the end of all work.
   * @returns the failure of fetching, unless it was only told to stop
   */
  async failure(): Promise<unknown> {
    try {
      await this.#running;
    } catch (error) {
      return isAbort(error) ? undefined : error;
    }
    return undefined;
  }

  /** The blob was in the store already, so its bytes were not verified in this run. */
  wasCached(layer: number): boolean {
    return this.#cached.has(layer);
  }

  /** From now on no blob is opened: it would not be read or closed. */
  close(): void {
    this.#at = this.#layers.length;
    for (const fd of this.#fds.values()) closeSync(fd);
    this.#fds.clear();
  }

  async #bring(layer: number): Promise<void> {
    const { descriptor, fetch, file } = this.#layers[layer]!;
    const { job, store, missing, progress } = this.#options;
    job.signal.throwIfAborted();
    if (missing[layer] === true) {
      await fetch.call(this.#layers[layer], progress.jobOf(job, layer), (path, bytes) =>
        this.#announce(layer, path, bytes),
      );
    } else if (file !== undefined && (await store.blobs.size(descriptor.digest)) !== descriptor.size) {
      return this.#readInPlace(layer, file);
    } else {
      this.#cached.add(layer);
    }
    this.#whole.add(layer);
    this.#announce(layer, store.blobs.path(descriptor.digest), descriptor.size);
  }

  /** A file of the user is unpacked and hashed in place, without a copy in the store. */
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
    // Continues when unpacking fails: a wrong digest of the blob is then the reason.
    const hash = hasherFor(digest);
    // One reused buffer: a stream would allocate new ones, which costs more than reading into them.
    const buffer = Buffer.allocUnsafeSlow(Math.min(READ_SIZE, size));
    for (let position = 0; position < size; ) {
      this.#options.abort.throwIfAborted();
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
    this.#options.progress.fetched(layer, bytes);
    this.#show(layer);
  }

  /** Announces a blob to the threads when its turn is near. */
  #show(layer: number): void {
    if (layer < this.#at || layer >= this.#at + AHEAD) return;
    const { path, bytes } = this.#places.get(layer)!;
    const { blobs, onChange } = this.#options;
    if (!this.#fds.has(layer)) {
      const fd = openBlob(path);
      this.#fds.set(layer, fd);
      blobs.open(layer, fd);
    }
    blobs.grow(layer, bytes);
    onChange();
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
 * Why a blob from the store did not unpack: if its bytes do not match its digest, the store is damaged, and the blob is
 * removed.
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
