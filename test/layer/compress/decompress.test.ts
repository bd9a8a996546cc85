import { execFileSync } from 'node:child_process';
import { createCipheriv } from 'node:crypto';
import * as zlib from 'node:zlib';
import { gzipSync } from 'node:zlib';
import { describe, expect, it, vi } from 'vitest';
import { isCtxsrcError } from '../../../src/core/errors.ts';
import { decompress, decompressInto, detectCompression } from '../../../src/layer/compress/decompress.ts';
import * as syncInflate from '../../../src/layer/compress/sync-inflate.ts';
import { zstdDecoder } from '../../../src/layer/compress/zstd-javascript.ts';
import { zstdRaw } from '../../support/layout-builder.ts';
import { needs } from '../../support/needs.ts';

/** Text that compresses, and is longer than one piece of output. */
const TEXT = Buffer.from(Array.from({ length: 60_000 }, (_, i) => `line ${i}\n`).join(''));

/** Decompresses in pieces of `step` bytes into slots of `slot` bytes. */
async function into(data: Buffer, step = 10_000, maxRatio = 2000, slot = 64 << 10): Promise<Buffer> {
  const output: Buffer[] = [];
  let buffer = Buffer.alloc(slot);
  let offset = 0;
  function* pieces(): Generator<Buffer> {
    for (let at = 0; at < data.length; at += step) yield data.subarray(at, at + step);
  }
  await decompressInto(
    pieces(),
    {
      room: () => ({ buffer, offset }),
      filled(bytes) {
        offset += bytes;
        if (offset < slot) return;
        output.push(buffer);
        buffer = Buffer.alloc(slot);
        offset = 0;
      },
    },
    maxRatio,
  );
  return Buffer.concat([...output, buffer.subarray(0, offset)]);
}

async function streamed(data: Buffer, step = 10_000, maxRatio = 2000): Promise<Buffer> {
  async function* pieces(): AsyncGenerator<Buffer> {
    for (let at = 0; at < data.length; at += step) yield data.subarray(at, at + step);
  }
  const output: Buffer[] = [];
  for await (const chunk of decompress(pieces(), detectCompression(data), maxRatio)) output.push(chunk);
  return Buffer.concat(output);
}

async function refusal(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (isCtxsrcError(error)) return `${error.code} ${error.message}`;
    throw error;
  }
  throw new Error('the data was accepted');
}

const zstd = needs('zstd');
const squeeze = (data: Buffer, ...flags: string[]): Buffer =>
  execFileSync('zstd', ['-q', '-c', ...flags], { input: data, maxBuffer: 1 << 28 });

const ways: [string, typeof streamed, boolean][] = [
  ['into memory', into, true],
  ['as a stream', streamed, true],
  ['into memory, where Node allows streams only', into, false],
  ['as a stream, where Node allows streams only', streamed, false],
];

describe.each(ways)('%s', (_, run, sync) => {
  const way: typeof streamed = async (...args) => {
    const spy = sync ? undefined : vi.spyOn(syncInflate.internals, 'available').mockReturnValue(false);
    try {
      return await run(...args);
    } finally {
      spy?.mockRestore();
    }
  };

  it.each([1000, 1 << 20])('decompresses gzip in pieces of %i bytes', async (step) => {
    expect((await way(gzipSync(TEXT), step)).equals(TEXT)).toBe(true);
  });

  it('decompresses what is not compressed, and nothing', async () => {
    expect((await way(TEXT)).equals(TEXT)).toBe(true);
    expect((await way(Buffer.alloc(0))).length).toBe(0);
    expect((await way(gzipSync(Buffer.alloc(0)))).length).toBe(0);
  });

  it('joins gzip members', async () => {
    const data = Buffer.concat([gzipSync(TEXT), gzipSync(Buffer.from('second')), gzipSync(Buffer.from('third'))]);
    for (const step of [1 << 20, 77]) {
      expect((await way(data, step)).equals(Buffer.concat([TEXT, Buffer.from('secondthird')]))).toBe(true);
    }
  });

  it('takes zeros behind gzip for padding', async () => {
    const data = Buffer.concat([gzip, gzip, Buffer.alloc(2500)]);
    const ends = [gzip.length, 1 << 20, 1000, gzip.length * 2 + 100];
    for (const step of ends) expect((await way(data, step)).equals(Buffer.concat([TEXT, TEXT]))).toBe(true);
  });

  const gzip = gzipSync(TEXT);
  it.each([
    ['cut in half', gzip.subarray(0, gzip.length / 2), /cut short/],
    ['cut in its checksum', gzip.subarray(0, gzip.length - 3), /cut short/],
    ['with a cut second member', Buffer.concat([gzip, gzip.subarray(0, 50)]), /cut short/],
    ['with a wrong checksum', Buffer.concat([gzip.subarray(0, -8), Buffer.alloc(8)]), /damaged/],
    ['with text behind it', Buffer.concat([gzip, Buffer.from('garbage')]), /damaged|follows/],
    ['with zeros and text behind it', Buffer.concat([gzip, Buffer.alloc(2500), Buffer.from('x')]), /follows/],
    ['with zeros and a member behind it', Buffer.concat([gzip, Buffer.alloc(700), gzip]), /follows/],
    ['with a flipped bit', Buffer.from(gzip.map((byte, i) => (i === 5000 ? byte ^ 16 : byte))), /damaged/],
  ])('refuses gzip %s', async (_name, data, message) => {
    for (const step of [1 << 20, 1000]) {
      const said = await refusal(way(data, step));
      expect(said).toMatch(/^E_ARCHIVE_INVALID/);
      expect(said).toMatch(message);
    }
  });

  it('refuses a bomb, and not what is within the ratio', async () => {
    const zeros = gzipSync(Buffer.alloc(65 << 20));
    expect(await refusal(way(zeros, 1 << 16, 500))).toMatch(/^E_LIMIT .*500 times/);
    expect((await way(zeros, 1 << 16, 2000)).length).toBe(65 << 20);
  });

  it('decompresses frames of zstd, skippable ones among them', async () => {
    const skippable = Buffer.from([0x52, 0x2a, 0x4d, 0x18, 5, 0, 0, 0, 1, 2, 3, 4, 5]);
    const data = Buffer.concat([skippable, zstdRaw(TEXT), skippable, zstdRaw(Buffer.from('end'))]);
    expect(detectCompression(data)).toBe('zstd');
    expect((await way(data)).equals(Buffer.concat([TEXT, Buffer.from('end')]))).toBe(true);
  });

  it.skipIf(!zstd)('decompresses what zstd writes', async () => {
    for (const flags of [['-3'], ['-19', '--no-check'], ['--fast=3'], ['-1', '--long=25'], ['-1', '--long=29']]) {
      const data = squeeze(TEXT, ...flags);
      for (const step of [1 << 20, 333]) expect((await way(data, step)).equals(TEXT)).toBe(true);
    }
  });

  const frame = zstdRaw(TEXT);
  it.each([
    ['cut in half', frame.subarray(0, frame.length / 2), /cut short/],
    ['cut in its first bytes', frame.subarray(0, 5), /cut short/],
    ['with text behind it', Buffer.concat([frame, Buffer.from('garbage')]), /follows/],
    ['that asks for a gigabyte', Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa0, 1, 0, 0]), /too much memory/],
    ['that needs a dictionary', Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x01, 0x50, 1, 1, 0, 0]), /dictionary/],
    ['with a block of no type', Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x50, 7, 0, 0]), /damaged/],
  ])('refuses zstd %s', async (_name, data, message) => {
    for (const step of [1 << 20, 3]) {
      const said = await refusal(way(data, step));
      expect(said).toMatch(/^E_ARCHIVE_INVALID/);
      expect(said).toMatch(message);
    }
  });
});

it.skipIf(!zstd)('decompresses zstd with a window of 256 MiB, and with 66 MiB between what is alike', async () => {
  const half = createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16)).update(Buffer.alloc(66 << 20));
  const data = Buffer.concat([half, half]);
  const packed = squeeze(data, '-1', '--long=28');
  expect(packed.length).toBeLessThan(data.length * 0.6);
  expect((await into(packed, 1 << 20, 2000, 1 << 20)).equals(data)).toBe(true);
  // Where only a later frame has such a window, another decoder is at work already.
  const late = into(Buffer.concat([zstdRaw(Buffer.alloc(1 << 20)), packed]), 64 << 10, 2000, 1 << 20);
  if ('createZstdDecompress' in zlib) expect((await late).length).toBe(data.length + (1 << 20));
  else expect(await refusal(late)).toMatch(/^E_ARCHIVE_INVALID .*window of 256 MiB, and 32 MiB are the most/);
});

it.skipIf(!zstd)('keeps windows in JavaScript as they were, over blocks that wrap around', async () => {
  const half = createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16)).update(Buffer.alloc(1 << 20));
  const data = Buffer.concat([half, half, Buffer.alloc(300_000), half, TEXT, half, half, TEXT]);
  for (const flags of [['-1'], ['-19'], ['-1', '--long=20'], ['-1', '--long=25']]) {
    const output: Uint8Array[] = [];
    const decoder = zstdDecoder((bytes) => output.push(Uint8Array.from(bytes)));
    const packed = squeeze(data, ...flags);
    for (let at = 0; at < packed.length; at += 100_000) decoder.push(new Uint8Array(packed.subarray(at, at + 100_000)));
    expect(Buffer.concat(output).equals(data)).toBe(true);
  }
});
