/**
 * Decompressed bytes on their way from the thread that makes them to the thread that reads archives: a ring of slots in
 * shared memory, filled and read in place. One producer, one consumer. Slots are numbered from 0 on; what was read stays
 * until it is released, so that files can be written from it later.
 */

/** Bytes of a slot: they fit into the cache of a core. */
const SLOT_SIZE = 256 << 10;
const SLOTS = 16;

/** Indices of the counters. */
const PRODUCED = 0;
const RELEASED = 1;
const FIRST_LENGTH = 2;
/** Added to the length of a layer's last slot. */
const LAST = 1 << 30;

export interface RingMemory {
  readonly data: SharedArrayBuffer;
  readonly counters: SharedArrayBuffer;
}

export function ringMemory(): RingMemory {
  return {
    data: new SharedArrayBuffer(SLOTS * SLOT_SIZE),
    counters: new SharedArrayBuffer(4 * (FIRST_LENGTH + SLOTS)),
  };
}

export class SlotRing {
  readonly #counters: Int32Array;
  readonly #slots: Buffer[];
  /** Producer: bytes in the slot that is being filled. */
  #fill = 0;
  /** Consumer: number of slots read, which is the number of the next one. */
  #read = 0;

  constructor({ data, counters }: RingMemory) {
    this.#counters = new Int32Array(counters);
    this.#slots = Array.from({ length: SLOTS }, (_, i) => Buffer.from(data, i * SLOT_SIZE, SLOT_SIZE));
  }

  /** Producer: true if there is a slot to fill. */
  get hasSpace(): boolean {
    return this.#produced - Atomics.load(this.#counters, RELEASED) < SLOTS;
  }

  /** Consumer: true if there is a slot to read. */
  get hasData(): boolean {
    return this.#produced !== this.#read;
  }

  /** Producer: the slot that is being filled, and the offset of its free part. Only while `hasSpace`. */
  get slot(): { readonly buffer: Buffer; readonly offset: number } {
    return { buffer: this.#slots[this.#produced % SLOTS]!, offset: this.#fill };
  }

  /**
   * Producer: adds to the bytes in the slot.
   * @returns true if the slot is full and went to the consumer
   */
  filled(bytes: number): boolean {
    this.#fill += bytes;
    if (this.#fill < SLOT_SIZE) return false;
    this.#publish(SLOT_SIZE);
    return true;
  }

  /** Producer: ends the layer. Only while `hasSpace`. */
  endLayer(): void {
    this.#publish(this.#fill | LAST);
  }

  /** Consumer: the number of the slot that `next` returns. */
  get number(): number {
    return this.#read;
  }

  /** Consumer: the slot to read. Only while `hasData`. */
  get next(): { readonly bytes: Buffer; readonly last: boolean } {
    const slot = this.#read % SLOTS;
    const length = Atomics.load(this.#counters, FIRST_LENGTH + slot);
    return { bytes: this.#slots[slot]!.subarray(0, length & ~LAST), last: (length & LAST) !== 0 };
  }

  /** Consumer: goes on to the following slot. */
  advance(): void {
    this.#read += 1;
  }

  /** Consumer: the number of the slot, read last or before, in which these bytes of the ring begin. */
  slotOf(bytes: Buffer): number {
    const behind = (this.#read - Math.floor(bytes.byteOffset / SLOT_SIZE)) % SLOTS;
    return this.#read - behind;
  }

  /**
   * Consumer: frees the slots before this one.
   * @returns true if there were any
   */
  release(before: number): boolean {
    return Atomics.exchange(this.#counters, RELEASED, before) !== before;
  }

  #publish(length: number): void {
    Atomics.store(this.#counters, FIRST_LENGTH + (this.#produced % SLOTS), length);
    this.#fill = 0;
    Atomics.add(this.#counters, PRODUCED, 1);
  }

  get #produced(): number {
    return Atomics.load(this.#counters, PRODUCED);
  }
}
