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

type State = 'magic' | 'skippable-size' | 'descriptor' | 'header' | 'block-header' | 'skip';

export class ZstdFrames {
  #state: State = 'magic';
  /** Bytes of the current field, little-endian, and how many of them are missing. */
  #field: number[] = [];
  #missing = 4;
  /** Bytes to skip, and the state after them. */
  #skip = 0;
  #afterSkip: 'magic' | 'block-header' = 'magic';
  #descriptor = 0;
  readonly #maxWindow: number;
  /** The largest window so far, in bytes. */
  largestWindow = 0;

  /** @param maxWindow the largest window that the decoder accepts, in bytes */
  constructor(maxWindow: number = 2 ** MAX_WINDOW_LOG) {
    this.#maxWindow = maxWindow;
  }

  /**
   * Reads the next bytes.
   * @throws CtxsrcError `E_ARCHIVE_INVALID`
   */
  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      if (this.#state === 'skip') {
        const n = Math.min(this.#skip, bytes.length - at);
        this.#skip -= n;
        at += n;
        if (this.#skip === 0) this.#expect(this.#afterSkip);
        continue;
      }
      this.#field.push(bytes[at]!);
      at += 1;
      this.#missing -= 1;
      if (this.#missing === 0) this.#endField(this.#field);
    }
  }

  /**
   * Called after the last bytes.
   * @throws CtxsrcError `E_ARCHIVE_INVALID` within a frame
   */
  finish(): void {
    if (this.#state !== 'magic' || this.#field.length > 0) throw archiveError('its zstd data is cut short');
  }

  #expect(state: Exclude<State, 'skip'>, length = state === 'block-header' ? 3 : state === 'descriptor' ? 1 : 4): void {
    this.#state = state;
    this.#field = [];
    this.#missing = length;
  }

  #leave(bytes: number, then: 'magic' | 'block-header'): void {
    if (bytes === 0) {
      this.#expect(then);
      return;
    }
    this.#state = 'skip';
    this.#skip = bytes;
    this.#afterSkip = then;
  }

  #endField(field: readonly number[]): void {
    switch (this.#state) {
      case 'magic': {
        const magic = littleEndian(field);
        if (magic === 0xfd2fb528) this.#expect('descriptor');
        else if (magic >= 0x184d2a50 && magic <= 0x184d2a5f) this.#expect('skippable-size');
        else throw archiveError('something follows its zstd data');
        break;
      }
      case 'skippable-size':
        this.#leave(littleEndian(field), 'magic');
        break;
      case 'descriptor': {
        this.#descriptor = field[0]!;
        if ((this.#descriptor & 0x08) !== 0) throw archiveError('its zstd data is damaged');
        if ((this.#descriptor & 0x03) !== 0) throw archiveError('its zstd data needs a dictionary');
        const single = (this.#descriptor & 0x20) !== 0;
        const size = [single ? 1 : 0, 2, 4, 8][this.#descriptor >> 6]!;
        this.#expect('header', (single ? 0 : 1) + size);
        break;
      }
      case 'header':
        this.#checkWindow(this.#window(field));
        this.#expect('block-header');
        break;
      case 'block-header': {
        const header = littleEndian(field);
        const type = (header >> 1) & 3;
        if (type === RESERVED_BLOCK) throw archiveError('its zstd data is damaged');
        const size = type === RLE_BLOCK ? 1 : header >> 3;
        const last = (header & 1) !== 0;
        const checksum = last && (this.#descriptor & 0x04) !== 0 ? 4 : 0;
        this.#leave(size + checksum, last ? 'magic' : 'block-header');
        break;
      }
      default:
    }
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

  #window(field: readonly number[]): number {
    if ((this.#descriptor & 0x20) === 0) {
      const base = 2 ** (10 + (field[0]! >> 3));
      return base + (base / 8) * (field[0]! & 7);
    }
    // The content's size is the window. A size of 16 bits counts from 256.
    return littleEndian(field) + (field.length === 2 ? 256 : 0);
  }
}

function littleEndian(bytes: readonly number[]): number {
  return bytes.reduceRight((value, byte) => value * 256 + byte, 0);
}
