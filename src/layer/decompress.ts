/**
 * Decompression of layers: gzip and zstd by `node:zlib`, zstd in JavaScript where Node has none, or nothing at all. The
 * first bytes decide, as in containerd, whatever the media type claims.
 */

import type { Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import { Decompress as ZstdDecompress } from 'fzstd';
import { CtxsrcError } from '../core/errors.ts';
import type { Compression } from '../oci/media-types.ts';
import { archiveError } from './header.ts';

/** Bytes of output at a time; Node's default of 16 KiB halves the speed. */
const CHUNK_SIZE = 256 << 10;
/** Output that is not yet a bomb, however small its input. */
const RATIO_GRACE = 64 << 20;

/** What the first bytes say. */
export function detectCompression(start: Uint8Array): Compression {
  if (start[0] === 0x1f && start[1] === 0x8b && start[2] === 0x08) return 'gzip';
  if (start[0] === 0x28 && start[1] === 0xb5 && start[2] === 0x2f && start[3] === 0xfd) return 'zstd';
  // A frame to be skipped, which some writers put first.
  if ((start[0]! & 0xf0) === 0x50 && start[1] === 0x2a && start[2] === 0x4d && start[3] === 0x18) return 'zstd';
  return 'none';
}

/** Refuses output out of all proportion to its input. */
export class RatioGuard {
  readonly #maxRatio: number;

  constructor(maxRatio: number) {
    this.#maxRatio = maxRatio;
  }

  /** @throws CtxsrcError `E_LIMIT` */
  check(input: number, output: number): void {
    if (output <= RATIO_GRACE || output <= input * this.#maxRatio) return;
    throw new CtxsrcError('E_LIMIT', `a layer unpacks to more than ${this.#maxRatio} times its size`, {
      hint: 'it looks like a decompression bomb',
    });
  }
}

/**
 * Decompresses what `input` brings, in pieces that belong to the consumer. Members and frames may follow one another;
 * anything else behind them, and an end before their end, is `E_ARCHIVE_INVALID`.
 * @param maxRatio as `WriteLimits.maxRatio`
 */
export async function* decompress(
  input: AsyncIterable<Buffer>,
  compression: Compression,
  maxRatio: number,
): AsyncGenerator<Buffer> {
  const guard = new RatioGuard(maxRatio);
  if (compression === 'none') yield* input;
  else if (compression === 'gzip') yield* inflate(input, guard, zlib.createGunzip(options()), 'gzip');
  else if (hasNativeZstd(zlib)) yield* inflate(input, guard, zlib.createZstdDecompress(options()), 'zstd');
  else yield* zstdInJavaScript(input, guard);
}

function options(): zlib.ZlibOptions & { readableHighWaterMark: number } {
  return { chunkSize: CHUNK_SIZE, readableHighWaterMark: 2 * CHUNK_SIZE };
}

/** Node 22.15 and newer. */
interface NativeZstd {
  createZstdDecompress(options: zlib.ZlibOptions): Transform & { readonly bytesWritten: number };
}

function hasNativeZstd(module: object): module is NativeZstd {
  return 'createZstdDecompress' in module;
}

async function* inflate(
  input: AsyncIterable<Buffer>,
  guard: RatioGuard,
  stream: Transform & { readonly bytesWritten: number },
  name: string,
): AsyncGenerator<Buffer> {
  let fed = 0;
  const feeding = feed(input, stream, (bytes) => {
    fed += bytes;
  });
  // Whatever goes wrong there shows here, since the stream is destroyed.
  feeding.catch(() => undefined);
  let produced = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      produced += chunk.length;
      guard.check(fed, produced);
      yield chunk;
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (/^(Z_|ZSTD_)/.test(code)) {
      throw archiveError(`its ${name} data is ${code === 'Z_BUF_ERROR' ? 'cut short' : 'damaged'}`, { cause: error });
    }
    throw error;
  } finally {
    stream.destroy();
  }
  await feeding;
  if (stream.bytesWritten !== fed) throw archiveError(`something follows its ${name} data`);
}

async function feed(input: AsyncIterable<Buffer>, stream: Transform, count: (bytes: number) => void): Promise<void> {
  try {
    for await (const chunk of input) {
      if (stream.destroyed || stream.readableEnded) return;
      count(chunk.length);
      if (!stream.write(chunk)) await drained(stream);
    }
    stream.end();
  } catch (error) {
    stream.destroy(error as Error);
    throw error;
  }
}

function drained(stream: Transform): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      stream.off('drain', done).off('close', done).off('end', done);
      resolve();
    };
    stream.on('drain', done).on('close', done).on('end', done);
  });
}

async function* zstdInJavaScript(input: AsyncIterable<Buffer>, guard: RatioGuard): AsyncGenerator<Buffer> {
  let output: Buffer[] = [];
  let fed = 0;
  let produced = 0;
  const decoder = new ZstdDecompress((chunk) => {
    produced += chunk.length;
    guard.check(fed, produced);
    output.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
  });
  const push = (chunk: Uint8Array, last: boolean): Buffer[] => {
    output = [];
    try {
      decoder.push(chunk, last);
    } catch (error) {
      if (error instanceof CtxsrcError) throw error;
      throw archiveError('its zstd data is damaged or cut short', { cause: error });
    }
    return output;
  };
  for await (const chunk of input) {
    fed += chunk.length;
    yield* push(chunk, false);
  }
  yield* push(new Uint8Array(0), true);
}
