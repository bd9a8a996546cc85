/**
 * Follows the structure of zstd data (RFC 8878, section 3.1) without decoding it: where frames begin and end, and how
 * much memory they need. Needed because decoders treat truncated data, and data after the end, differently.
 */
import { archiveError } from '../tar/header.ts';

/**
 * The largest accepted window as a power of two, 512 MiB, as in containerd's decoder. (`zstd -d` accepts 128 MiB by
 * default.) This memory is needed in addition to that of a run.
 */
export const MAX_WINDOW_LOG = 29;
const RESERVED_BLOCK = 3;
const RLE_BLOCK = 1;

/** Reads on when more bytes come. */
type Reading<T = void> = Generator<undefined, T, undefined>;

export class ZstdFrames {
  readonly #maxWindow: number;
  /** The largest window so far, in bytes. */
  largestWindow = 0;
  #bytes: Uint8Array = new Uint8Array();
  #at = 0;
  #isWithin = false;
  readonly #walk = this.#frames();

  /** @param maxWindow the largest window that the decoder accepts, in bytes */
  constructor(maxWindow: number = 2 ** MAX_WINDOW_LOG) {
    this.#maxWindow = maxWindow;
  }

  /**
   * Reads the next bytes.
   * @throws CtxsrcError `E_ARCHIVE_INVALID`
   */
  push(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#at = 0;
    this.#walk.next();
  }

  /**
   * Called after the last bytes.
   * @throws CtxsrcError `E_ARCHIVE_INVALID` within a frame
   */
  finish(): void {
    if (this.#isWithin) throw archiveError('its zstd data is cut short');
  }

  *#frames(): Reading {
    for (;;) {
      while (this.#at === this.#bytes.length) yield;
      this.#isWithin = true;
      const magic = yield* this.#number(4);
      if (magic === 0xfd2fb528) yield* this.#frame();
      else if (magic >= 0x184d2a50 && magic <= 0x184d2a5f) yield* this.#skip(yield* this.#number(4));
      else throw archiveError('something follows its zstd data');
      this.#isWithin = false;
    }
  }

  *#frame(): Reading {
    const descriptor = yield* this.#number(1);
    if ((descriptor & 0x08) !== 0) throw archiveError('its zstd data is damaged');
    if ((descriptor & 0x03) !== 0) throw archiveError('its zstd data needs a dictionary');
    const isSingle = (descriptor & 0x20) !== 0;
    const length = [isSingle ? 1 : 0, 2, 4, 8][descriptor >> 6]!;
    const window = isSingle ? 0 : yield* this.#number(1);
    const size = yield* this.#number(length);
    const base = 2 ** (10 + (window >> 3));
    // Of a single segment the content's size is the window. A size of 16 bits counts from 256.
    this.#checkWindow(isSingle ? size + (length === 2 ? 256 : 0) : base + (base / 8) * (window & 7));
    for (let isLast = false; !isLast; ) {
      const header = yield* this.#number(3);
      const type = (header >> 1) & 3;
      if (type === RESERVED_BLOCK) throw archiveError('its zstd data is damaged');
      isLast = (header & 1) !== 0;
      yield* this.#skip(type === RLE_BLOCK ? 1 : header >> 3);
    }
    const hasChecksum = (descriptor & 0x04) !== 0;
    if (hasChecksum) yield* this.#skip(4);
  }

  #checkWindow(window: number): void {
    this.largestWindow = Math.max(this.largestWindow, window);
    if (window <= this.#maxWindow) return;
    const sizes = `a window of ${Math.ceil(window / 2 ** 20)} MiB, and ${this.#maxWindow / 2 ** 20} MiB are the most`;
    throw archiveError(`its zstd data asks for too much memory: ${sizes}`, {
      hint:
        window <= 2 ** MAX_WINDOW_LOG
          ? 'Node 22.15 or newer reads it'
          : 'compress it again: zstd -d --long=31 --stdout FILE | zstd -o NEW',
    });
  }

  /** A little-endian number of so many bytes. */
  *#number(length: number): Reading<number> {
    let value = 0;
    for (let i = 0; i < length; i += 1) {
      while (this.#at === this.#bytes.length) yield;
      value += this.#bytes[this.#at]! * 256 ** i;
      this.#at += 1;
    }
    return value;
  }

  *#skip(count: number): Reading {
    for (let left = count; left > 0; ) {
      if (this.#at === this.#bytes.length) yield;
      const n = Math.min(left, this.#bytes.length - this.#at);
      this.#at += n;
      left -= n;
    }
  }
}
