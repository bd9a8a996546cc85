/**
 * The progress of unpacking, by layer, in shared memory: the threads count, and the main thread reads the counters when
 * it shows progress, without any message.
 */
const TAKEN = 0;
const MADE = 1;
const APPLIED = 2;
const FILES = 3;
const BYTES = 4;
const CELLS = 5;

export interface LayerCount {
  /** Bytes of the blob whose content has been written. */
  readonly unpacked: number;
  /** Number of entries, and bytes of file content, that have been written. */
  readonly files: number;
  readonly bytes: number;
}

export class UnpackCounters {
  readonly memory: SharedArrayBuffer;
  readonly #cells: BigInt64Array;

  /** @param source the number of layers, or the memory of another thread's counters */
  constructor(source: number | SharedArrayBuffer) {
    this.memory = typeof source === 'number' ? new SharedArrayBuffer(8 * CELLS * source) : source;
    this.#cells = new BigInt64Array(this.memory);
  }

  /** Counts bytes of the blob that were decompressed, and the bytes of the archive made from them. */
  decompressed(layer: number, taken: number, made: number): void {
    this.#set(layer, TAKEN, taken);
    this.#set(layer, MADE, made);
  }

  /** Counts applied bytes of the archive, with the number of entries and the bytes of content in them. */
  applied(layer: number, archive: number, files: number, bytes: number): void {
    this.#set(layer, APPLIED, archive);
    this.#set(layer, FILES, files);
    this.#set(layer, BYTES, bytes);
  }

  of(layer: number): LayerCount {
    const [taken, made, applied] = [this.#get(layer, TAKEN), this.#get(layer, MADE), this.#get(layer, APPLIED)];
    // Bytes that were decompressed but not written are not done: their share of the blob is about their share of the
    // archive.
    const unpacked = made === 0 ? 0 : Math.floor(taken * Math.min(1, applied / made));
    return { unpacked, files: this.#get(layer, FILES), bytes: this.#get(layer, BYTES) };
  }

  #set(layer: number, cell: number, value: number): void {
    Atomics.store(this.#cells, CELLS * layer + cell, BigInt(value));
  }

  #get(layer: number, cell: number): number {
    return Number(Atomics.load(this.#cells, CELLS * layer + cell));
  }
}
