/**
 * How far unpacking is, layer by layer, in shared memory: the threads count there, the main thread looks whenever it
 * wants to show something. Nobody is woken or sent a message for it.
 */
const TAKEN = 0;
const MADE = 1;
const APPLIED = 2;
const FILES = 3;
const BYTES = 4;
const CELLS = 5;

export interface LayerCount {
  /** Bytes of the blob whose content is written. */
  readonly unpacked: number;
  /** Entries, and bytes of file content, that are written. */
  readonly files: number;
  readonly bytes: number;
}

export class UnpackCounters {
  readonly memory: SharedArrayBuffer;
  readonly #cells: BigInt64Array;

  /** @param source the number of layers, or the memory of another thread's */
  constructor(source: number | SharedArrayBuffer) {
    this.memory = typeof source === 'number' ? new SharedArrayBuffer(8 * CELLS * source) : source;
    this.#cells = new BigInt64Array(this.memory);
  }

  /** So many bytes of the blob were decompressed into so many of the archive. */
  decompressed(layer: number, taken: number, made: number): void {
    this.#set(layer, TAKEN, taken);
    this.#set(layer, MADE, made);
  }

  /** So many bytes of the archive are applied: as so many entries, with so much content. */
  applied(layer: number, archive: number, files: number, bytes: number): void {
    this.#set(layer, APPLIED, archive);
    this.#set(layer, FILES, files);
    this.#set(layer, BYTES, bytes);
  }

  of(layer: number): LayerCount {
    const [taken, made, applied] = [this.#get(layer, TAKEN), this.#get(layer, MADE), this.#get(layer, APPLIED)];
    // What is decompressed and not written yet is not done: its share of the blob is about its share of the archive.
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
