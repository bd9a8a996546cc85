/**
 * Decompression into the caller's memory, without a stream: Node's zlib streams allocate a buffer for every piece of
 * output and use the thread pool, which takes longer than inflating. This uses undocumented parts of Node (as
 * `minizlib` does); if they are not as expected, `syncInflate` returns undefined and the caller uses the stream.
 */
import * as zlib from 'node:zlib';
import { MAX_WINDOW_LOG } from './zstd-frames.ts';

/** One call of zlib: reads from `input`, writes to `output`. */
export interface SyncInflate {
  step(input: Buffer, inputOffset: number, output: Buffer, outputOffset: number): { read: number; written: number };
  /**
   * Called when there is no more input.
   * @throws InflateError if the data is truncated (gzip only)
   */
  finish(): void;
  close(): void;
}

interface Handle {
  writeSync(
    flush: number,
    input: Uint8Array | undefined,
    inputOffset: number,
    inputLength: number,
    output: Uint8Array,
    outputOffset: number,
    outputLength: number,
  ): void;
  onerror: ((message: string, errno: number, code: string) => void) | undefined;
}

const NOTHING = Buffer.alloc(0);

/** zlib's error for damaged data. */
export class InflateError extends Error {
  readonly code: string;

  constructor(message: string, code: string) {
    super(message);
    this.code = code;
  }
}

/** Lets a test simulate a version of Node without these parts. */
export const internals = {
  available: (handle: Partial<Handle> | undefined, state: unknown): boolean =>
    typeof handle?.writeSync === 'function' && state instanceof Uint32Array && state.length === 2,
};

/** Undefined if this version of Node lacks the parts. */
export function syncInflate(kind: 'gzip' | 'zstd'): SyncInflate | undefined {
  const stream = (kind === 'gzip' ? zlib.createGunzip() : zstdStream()) as
    | { _handle?: Handle; _writeState?: unknown; close(): void }
    | undefined;
  if (stream === undefined) return undefined;
  const handle = stream._handle!;
  const state = stream._writeState as Uint32Array;
  if (!internals.available(handle, state)) return undefined;
  let failure: InflateError | undefined;
  handle.onerror = (message, _errno, code) => {
    failure = new InflateError(message, code);
  };
  return {
    step(input, inputOffset, output, outputOffset) {
      const inputLength = input.length - inputOffset;
      const outputLength = output.length - outputOffset;
      handle.writeSync(zlib.constants.Z_NO_FLUSH, input, inputOffset, inputLength, output, outputOffset, outputLength);
      if (failure !== undefined) throw failure;
      // The state holds the remaining room of the output, then the remaining input.
      return { written: outputLength - state[0]!, read: inputLength - state[1]! };
    },
    finish() {
      handle.writeSync(zlib.constants.Z_FINISH, NOTHING, 0, 0, Buffer.alloc(1), 0, 1);
      if (failure !== undefined) throw failure;
    },
    close: () => stream.close(),
  };
}

/** Undefined before Node 22.15. By default zstd refuses the larger windows that `ZstdFrames` accepts. */
function zstdStream(): object | undefined {
  const { createZstdDecompress, constants } = zlib as {
    createZstdDecompress?: (options: object) => object;
    constants: Record<string, number>;
  };
  return createZstdDecompress?.({ params: { [constants.ZSTD_d_windowLogMax!]: MAX_WINDOW_LOG } });
}
