/**
 * Decompression of zstd in JavaScript, by fzstd. fzstd moves its whole window (the last decompressed bytes) at every
 * block, which takes more time than everything else. Here the window is in memory with room after it, and is moved only
 * when that is full. This uses undocumented parts of fzstd; if they are not as expected, fzstd works in its own way.
 */
import { Decompress } from 'fzstd';

/** In bytes. fzstd reads distances of up to 26 bits correctly; longer ones come out wrong without an error. */
export const MAX_JAVASCRIPT_WINDOW = 32 << 20;

/** fzstd's state of a frame: the window, and where the last decompressed bytes end in it. */
interface Frame {
  w: Uint8Array;
  e: number;
}

/** Bytes after a window, unless the window is smaller; always more than a block (128 KiB). */
const MAX_ROOM = 64 << 20;
const MIN_ROOM = 1 << 20;

/** @param write receives the decompressed pieces; its errors pass through `push` */
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
    // Next, fzstd moves its window, which is this empty array, and puts the block at its end.
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
