/**
 * Decompression of zstd in JavaScript, by fzstd. It moves its whole window (what was decompressed last) by the length of
 * every block, which takes more time than all the rest. Here the window lies in memory with room behind
 * it, and is moved when that is full. What this uses of fzstd is not documented; where it is not as expected, fzstd does
 * it its own way.
 */
import { Decompress } from 'fzstd';

/** Bytes. It reads distances of up to 26 bits right: those of a larger window come out as other ones, without an error. */
export const MAX_JAVASCRIPT_WINDOW = 32 << 20;

/** What fzstd keeps of a frame: the window, and where what was decompressed last ends in it. */
interface Frame {
  w: Uint8Array;
  e: number;
}

/** Bytes behind a window, as far as that has so many itself; more than a block (128 KiB) in any case. */
const MAX_ROOM = 64 << 20;
const MIN_ROOM = 1 << 20;

/** @param write is given what has been decompressed, piece by piece; throws pass through `push` */
export function zstdDecoder(write: (bytes: Uint8Array) => void): { push(input: Uint8Array): void } {
  let frame: unknown;
  const decoder = new Decompress((block) => {
    write(block);
    const now = (decoder as unknown as { s: unknown }).s;
    if (now !== frame) widen(now);
    frame = now;
    swap?.();
  });
  let swap: (() => void) | undefined;

  function widen(state: unknown): void {
    swap = undefined;
    if (!isFrame(state)) return;
    const size = state.w.length;
    const window = new Uint8Array(size + Math.min(MAX_ROOM, Math.max(MIN_ROOM, size)));
    let end = 0;
    // Next fzstd moves what it takes for the window, which is nothing, and sets the block at the end of it.
    const standIn = new Uint8Array(0);
    standIn.set = (block: ArrayLike<number>) => {
      if (end + block.length > window.length) {
        window.copyWithin(0, end - size, end);
        end = size;
      }
      window.set(block, end);
      end += block.length;
      state.w = window;
      state.e = end;
    };
    swap = () => {
      state.w = standIn;
    };
  }

  return { push: (input) => decoder.push(input, false) };
}

function isFrame(state: unknown): state is Frame {
  const { w, e } = (state ?? {}) as Partial<Frame>;
  return w instanceof Uint8Array && e === w.length && w.length > 0;
}
