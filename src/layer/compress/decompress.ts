/**
 * Decompression of layers: gzip and zstd by Node's zlib, zstd in JavaScript for versions of Node without it, or none.
 * The first bytes decide, as in containerd, whatever the media type says. Several members or frames may follow one
 * another; anything else after them, or a truncated one, is `E_ARCHIVE_INVALID`. gzip data may be padded with zeros, as
 * tapes and some compressors do.
 */
import { createGunzip, type Gunzip } from 'node:zlib';
import { CtxsrcError } from '../../core/errors.ts';
import type { Compression } from '../../oci/media-types.ts';
import { archiveError } from '../tar/header.ts';
import { type Peeked, peek } from './peek.ts';
import { decompressByProgram } from './program.ts';
import { RatioGuard } from './ratio-guard.ts';
import { InflateError, type SyncInflate, syncInflate } from './sync-inflate.ts';
import { ZstdFrames } from './zstd-frames.ts';
import { MAX_JAVASCRIPT_WINDOW, zstdDecoder } from './zstd-javascript.ts';

/** The destination of decompressed bytes. */
export interface ByteSink {
  /** Memory to write to, and the offset of its free part, which is not empty. May wait for room. */
  room(): { readonly buffer: Buffer; readonly offset: number };
  /** Called after this number of bytes was written there. */
  filled(bytes: number): void;
}

/** The longest header of zstd: the window's size has to be known to choose a decoder. */
const MAGIC_LENGTH = 18;
/** Bytes of output at a time. The default of Node's stream, 16 KiB, would halve the speed. */
const CHUNK_SIZE = 256 << 10;
/** Bytes of input at a time: a thousand times as many may come of them. */
const STEP = 16 << 10;

/** The compression, by the first bytes. */
export function detectCompression(start: Uint8Array): Compression {
  if (start[0] === 0x1f && start[1] === 0x8b && start[2] === 0x08) return 'gzip';
  if (start[0] === 0x28 && start[1] === 0xb5 && start[2] === 0x2f && start[3] === 0xfd) return 'zstd';
  // A skippable frame, which some writers put first.
  if ((start[0]! & 0xf0) === 0x50 && start[1] === 0x2a && start[2] === 0x4d && start[3] === 0x18) return 'zstd';
  return 'none';
}

/**
 * Decompresses the pieces of `source`, each valid until the next one is asked for, into the memory of a sink. Nothing is
 * awaited but the source, except in versions of Node without a synchronous decoder.
 * @throws CtxsrcError `E_ARCHIVE_INVALID`, `E_LIMIT`
 */
export async function decompressInto(
  source: Iterable<Buffer> | AsyncIterable<Buffer>,
  sink: ByteSink,
  maxRatio: number,
): Promise<void> {
  const peeked = await peek(source, MAGIC_LENGTH);
  for await (const _ of steps(peeked, detectCompression(peeked.first), sink, maxRatio));
}

/** The same for asynchronous input; the consumer owns the pieces. */
export async function* decompress(
  input: AsyncIterable<Buffer>,
  compression: Compression,
  maxRatio: number,
): AsyncGenerator<Buffer> {
  if (compression === 'none') {
    yield* input;
    return;
  }
  const pieces = new Pieces();
  const peeked = await peek(input, MAGIC_LENGTH);
  for await (const _ of steps(peeked, compression, pieces, maxRatio)) yield* pieces.take();
  yield* pieces.takeRest();
}

/** Decompresses into a sink, and yields after each piece. */
async function* steps(
  { first, whole }: Peeked,
  compression: Compression,
  sink: ByteSink,
  maxRatio: number,
): AsyncGenerator<void> {
  const guard = new RatioGuard(maxRatio);
  const guarded: ByteSink = {
    room: () => sink.room(),
    filled(bytes) {
      guard.made(bytes);
      sink.filled(bytes);
    },
  };
  const decoder = syncDecoder(compression, guarded, first);
  if (decoder === undefined) {
    for await (const chunk of streamed(compression, copies(whole), maxRatio)) yield write(sink, chunk);
    return;
  }
  try {
    for await (const chunk of whole) {
      for (let at = 0; at < chunk.length; at += STEP) {
        const part = chunk.subarray(at, at + STEP);
        guard.input += part.length;
        yield decoder.push(part);
      }
    }
    decoder.finish();
  } catch (error) {
    throw damaged(error, compression);
  } finally {
    decoder.close();
  }
}

function write(sink: ByteSink, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) {
    const { buffer, offset } = sink.room();
    const n = Math.min(buffer.length - offset, bytes.length - at);
    buffer.set(bytes.subarray(at, at + n), offset);
    at += n;
    sink.filled(n);
  }
}

/** A sink with buffers of its own. */
class Pieces implements ByteSink {
  #buffer = Buffer.allocUnsafeSlow(CHUNK_SIZE);
  #fill = 0;
  #full: Buffer[] = [];

  room(): { readonly buffer: Buffer; readonly offset: number } {
    return { buffer: this.#buffer, offset: this.#fill };
  }

  filled(bytes: number): void {
    this.#fill += bytes;
    if (this.#fill < CHUNK_SIZE) return;
    this.#full.push(this.#buffer);
    this.#buffer = Buffer.allocUnsafeSlow(CHUNK_SIZE);
    this.#fill = 0;
  }

  take(): Buffer[] {
    const full = this.#full;
    this.#full = [];
    return full;
  }

  takeRest(): Buffer[] {
    return [...this.take(), ...(this.#fill > 0 ? [this.#buffer.subarray(0, this.#fill)] : [])];
  }
}

interface SyncDecoder {
  push(input: Buffer): void;
  finish(): void;
  close(): void;
}

/**
 * Undefined if there is no synchronous decoder.
 * @param first the beginning of the data
 */
function syncDecoder(compression: Compression, sink: ByteSink, first: Buffer): SyncDecoder | undefined {
  if (compression === 'none') {
    return { push: (input) => write(sink, input), finish: () => undefined, close: () => undefined };
  }
  const inflate = syncInflate(compression);
  if (compression === 'gzip') {
    return inflate && { push: stepper(inflate, sink), finish: () => inflate.finish(), close: () => inflate.close() };
  }
  if (inflate === undefined && largestWindow(first) > MAX_JAVASCRIPT_WINDOW) return undefined;
  const frames = new ZstdFrames(inflate === undefined ? MAX_JAVASCRIPT_WINDOW : undefined);
  const decode = inflate === undefined ? zstdInJavaScript(sink) : stepper(inflate, sink);
  return {
    push(input) {
      frames.push(input);
      decode(input);
    },
    finish: () => frames.finish(),
    close: () => inflate?.close(),
  };
}

function largestWindow(first: Buffer): number {
  const frames = new ZstdFrames();
  frames.push(first);
  return frames.largestWindow;
}

function streamed(compression: Compression, input: AsyncIterable<Buffer>, maxRatio: number): AsyncGenerator<Buffer> {
  if (compression === 'gzip') return gunzipStream(input, new RatioGuard(maxRatio));
  // If the caller stops reading, the program ends; if the thread is terminated, the program's input ends.
  return decompressByProgram('zstd', new AbortController().signal, input, maxRatio);
}

function stepper(inflate: SyncInflate, sink: ByteSink): (input: Buffer) => void {
  return (input) => {
    // When the output was full, the decompressor may hold more.
    for (let at = 0, more = true; at < input.length || more; ) {
      const { buffer, offset } = sink.room();
      const { read, written } = inflate.step(input, at, buffer, offset);
      if (at < input.length && read === 0 && written === 0) {
        checkPadding(input.subarray(at));
        return;
      }
      more = written === buffer.length - offset;
      at += read;
      if (written > 0) sink.filled(written);
    }
  };
}

/** @throws CtxsrcError `E_ARCHIVE_INVALID` for anything but zeros */
function checkPadding(rest: Buffer): void {
  if (rest.some((byte) => byte !== 0)) throw archiveError('something follows its compressed data');
}

function zstdInJavaScript(sink: ByteSink): (input: Buffer) => void {
  const decoder = zstdDecoder((chunk) => write(sink, chunk));
  // A copy, because the decoder keeps bytes that it cannot decode yet.
  return (input) => decoder.push(new Uint8Array(input));
}

async function* copies(input: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const chunk of input) yield Buffer.from(chunk);
}

async function* gunzipStream(input: AsyncIterable<Buffer>, guard: RatioGuard): AsyncGenerator<Buffer> {
  const stream = createGunzip({ chunkSize: CHUNK_SIZE });
  const feed = async (): Promise<void> => {
    for await (const chunk of input) {
      // The stream consumes nothing after the last member.
      const hasEnded = guard.input > stream.bytesWritten;
      guard.input += chunk.length;
      if (!hasEnded) await writeTo(stream, chunk);
      if (stream.destroyed && !stream.readableEnded) return;
      const unread = Math.min(chunk.length, guard.input - stream.bytesWritten);
      if (unread > 0) checkPadding(chunk.subarray(chunk.length - unread));
    }
    stream.end();
  };
  let failure: unknown;
  const feeding = feed().catch((error: unknown) => {
    failure = error;
    stream.destroy(error as Error);
  });
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      guard.made(chunk.length);
      yield chunk;
    }
  } catch (error) {
    throw damaged(error, 'gzip');
  } finally {
    stream.destroy();
  }
  await feeding;
  if (failure !== undefined) throw failure;
}

function writeTo(stream: Gunzip, chunk: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const goOn = (): void => {
      stream.off('close', goOn).off('end', goOn);
      resolve();
    };
    stream.on('close', goOn).on('end', goOn);
    stream.write(chunk, goOn);
  });
}

/** A decompressor's error, in our words. */
function damaged(error: unknown, compression: Compression): unknown {
  if (error instanceof CtxsrcError) return error;
  const code = (error as { code?: unknown }).code;
  if (code === 'Z_BUF_ERROR') return archiveError('its gzip data is cut short', { cause: error });
  const known = error instanceof InflateError || typeof code === 'number' || /^(?:Z_|ZSTD_)/.test(String(code));
  return known ? archiveError(`its ${compression} data is damaged`, { cause: error }) : error;
}
