import { randomBytes } from 'node:crypto';
import { appendFileSync, existsSync, lstatSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { BlobGrowth, JobContext, RecipeLayer, Store } from '../../../src/contract/index.ts';
import { sha256 } from '../../../src/core/digest.ts';
import { CtxsrcError } from '../../../src/core/errors.ts';
import type { ProgressEvent } from '../../../src/core/progress.ts';
import { unpackLayers } from '../../../src/image/unpack/unpack.ts';
import { tar } from '../../support/tar-builder.ts';
import { tempDir } from '../../support/temp.ts';

const OPTIONS = { owner: 'current', mode: 'auto', limits: { maxBytes: 1e9, maxFiles: 1e5, maxRatio: 1000 } } as const;

function jobOf(signal: AbortSignal = new AbortController().signal): JobContext {
  return { signal, progress: { emit: () => undefined } } as unknown as JobContext;
}

/** A layer whose blob comes by `bring`, into a store that is empty otherwise. */
function layerOf(
  archive: Buffer,
  bring: (blob: Buffer, path: string, growth: BlobGrowth, job: JobContext) => Promise<void>,
) {
  const folder = tempDir('unpack');
  const blob = gzipSync(archive);
  const path = join(folder, 'blob');
  const discarded: string[] = [];
  const store = {
    blobs: {
      path: () => path,
      size: async () => (existsSync(path) ? readFileSync(path).length : undefined),
      discard: async (digest: string) => void discarded.push(digest),
    },
  } as unknown as Store;
  const layer: RecipeLayer = {
    descriptor: { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest: sha256(blob), size: blob.length },
    diffId: sha256(archive),
    chainId: sha256(archive),
    fetch: (job, growth) => bring(blob, path, growth!, job),
  };
  return { store, layer, path, blob, discarded };
}

const archive = tar(Array.from({ length: 300 }, (_, i) => ({ name: `d/${i}`, content: `file ${i} `.repeat(i) })));

describe('unpackLayers', () => {
  it('tells bytes and files as they are written, and the part of all, downloads included', async () => {
    const events: ProgressEvent[] = [];
    const { store, layer } = layerOf(archive, async (blob, path, growth) => {
      const most = Math.floor(blob.length * 0.8);
      appendFileSync(path, blob.subarray(0, most));
      growth(path, most);
      while (!events.some((event) => event.type === 'advance' && event.files! > 0)) await setTimeout(20);
      appendFileSync(path, blob.subarray(most));
      growth(path, blob.length);
    });
    const job = { ...jobOf(), progress: { emit: (event: ProgressEvent) => void events.push(event) } };
    await unpackLayers(job, store, [layer], tempDir('unpack'), OPTIONS);
    const starts = events.flatMap((event) => (event.type === 'start' ? [event] : []));
    expect(starts).toMatchObject([
      { phase: 'unpack', unit: 'layers', total: 1 },
      { phase: 'unpack', unit: 'bytes', parent: starts[0]!.id, layer: 1, layers: 1 },
    ]);
    const [all, one] = starts.map(({ id }) =>
      events.flatMap((event) => (event.type === 'advance' && event.id === id ? [event] : [])),
    );
    const bytes = Array.from({ length: 300 }, (_, i) => `file ${i} `.repeat(i).length).reduce((a, b) => a + b);
    expect(one!.at(-1)).toMatchObject({ done: bytes, files: 301, part: 1 });
    expect(all!.at(-1)).toMatchObject({ done: 1, part: 1 });
    // While the rest of the blob is awaited, something is written, and not all.
    const early = one!.find(({ files }) => files! > 0 && files! < 301);
    expect(early?.part).toBeLessThan(1);
    for (const parts of [all!, one!].map((list) => list.map(({ part }) => part!))) {
      expect(parts).toEqual([...parts].sort((a, b) => a - b));
    }
    expect(events.filter((event) => event.type === 'end')).toHaveLength(2);
  });

  it('unpacks a blob while it grows, a byte at first', async () => {
    const { store, layer } = layerOf(archive, async (blob, path, growth) => {
      for (let at = 0, step = 1; at < blob.length; at += step, step = 500) {
        appendFileSync(path, blob.subarray(at, at + step));
        growth(path, Math.min(blob.length, at + step));
        await setTimeout(1);
      }
    });
    const dir = tempDir('unpack');
    const report = await unpackLayers(jobOf(), store, [layer], dir, OPTIONS);
    expect([report.files, report.via]).toEqual([301, 'unpack']);
    expect(readFileSync(join(dir, 'd', '299'), 'utf8')).toBe('file 299 '.repeat(299));
    const entry = [...report.entries].find(({ path }) => path === 'd/299')!;
    expect(entry.digest).toBe(sha256('file 299 '.repeat(299)));
  });

  it('writes files of every size, owner and time with either thread', async () => {
    const isRoot = process.getuid!() === 0;
    // Sizes beside those of a slot of the ring, of what stays in memory, and so many that the ring is passed several times.
    const sizes = [0, 1, 511, 512, 262_143, 262_144, 262_145, 700_000, 1_048_576, 1_048_577, 3_000_000];
    const entries = Array.from({ length: 66 }, (_, i) => ({
      name: `f${i}`,
      content: randomBytes(sizes[i % sizes.length]!),
      uid: isRoot && i % 3 === 0 ? 1234 : process.getuid!(),
      gid: isRoot && i % 3 === 0 ? 4321 : process.getgid!(),
      mode: i % 2 ? 0o644 : 0o600,
      mtime: 1_600_000_000 + i,
      ...(i % 4 === 0 ? { pax: { mtime: `${1_600_000_000 + i}.123456789` } } : {}),
    }));
    const { store, layer, path, blob } = layerOf(tar(entries), async () => undefined);
    writeFileSync(path, blob);
    const dir = tempDir('unpack');
    const report = await unpackLayers(jobOf(), store, [layer], dir, { ...OPTIONS, owner: 'preserve' });
    const listed = new Map([...report.entries].map((entry) => [entry.path, entry]));
    for (const { name, content, uid, gid, mode, mtime, pax } of entries) {
      const stat = lstatSync(join(dir, name), { bigint: true });
      const ns = BigInt(mtime) * 1_000_000_000n + (pax === undefined ? 0n : 123_456_789n);
      const found = [Number(stat.uid), Number(stat.gid), Number(stat.mode) & 0o7777, stat.mtimeNs];
      expect(found, name).toEqual([uid, gid, mode, ns]);
      expect(readFileSync(join(dir, name)).equals(content), name).toBe(true);
      expect(listed.get(name), name).toMatchObject({ digest: sha256(content), uid, gid, size: content.length });
    }
  });

  it('refuses another diff ID', async () => {
    const { store, layer, path, blob } = layerOf(archive, async () => undefined);
    writeFileSync(path, blob);
    const wrong = { ...layer, diffId: sha256('something else') };
    await expect(unpackLayers(jobOf(), store, [wrong], tempDir('unpack'), OPTIONS)).rejects.toMatchObject({
      code: 'E_DIFF_ID_MISMATCH',
    });
  });

  it('blames and removes a damaged blob of the store', async () => {
    const { store, layer, path, blob, discarded } = layerOf(archive, async () => undefined);
    writeFileSync(path, Buffer.from(blob.map((byte, i) => (i === blob.length - 20 ? byte ^ 1 : byte))));
    await expect(unpackLayers(jobOf(), store, [layer], tempDir('unpack'), OPTIONS)).rejects.toMatchObject({
      code: 'E_STORE_CORRUPT',
    });
    expect(discarded).toEqual([layer.descriptor.digest]);
  });

  describe('does not unpack while more of the blob is to come, and', () => {
    /** The first half has damaged data and is given at once, the second half, when `ended` says so, much later. */
    const slowly = (ended: (job: JobContext) => void) =>
      layerOf(archive, async (blob, path, growth, job) => {
        const half = blob.length >> 1;
        const damaged = Buffer.from(blob);
        damaged.fill(0xff, 100, half);
        writeFileSync(path, damaged.subarray(0, half));
        growth(path, half);
        await setTimeout(600);
        ended(job);
        appendFileSync(path, damaged.subarray(half));
        growth(path, blob.length);
      });

    it('blames the download when that turns out to be wrong', async () => {
      const { store, layer } = slowly((job) => {
        job.signal.throwIfAborted();
        throw new CtxsrcError('E_DIGEST_MISMATCH', 'other bytes');
      });
      await expect(unpackLayers(jobOf(), store, [layer], tempDir('unpack'), OPTIONS)).rejects.toMatchObject({
        code: 'E_DIGEST_MISMATCH',
      });
    });

    it('blames the layer when the download is right', async () => {
      const { store, layer } = slowly(() => undefined);
      await expect(unpackLayers(jobOf(), store, [layer], tempDir('unpack'), OPTIONS)).rejects.toMatchObject({
        code: 'E_ARCHIVE_INVALID',
      });
    });

    it('ends at once when aborted meanwhile', async () => {
      const abort = new AbortController();
      const { store, layer } = slowly((job) => job.signal.throwIfAborted());
      const running = unpackLayers(jobOf(abort.signal), store, [layer], tempDir('unpack'), OPTIONS);
      await setTimeout(400);
      abort.abort(new Error('stop'));
      await expect(running).rejects.toThrow('stop');
    });
  });

  it('ends at once when aborted, though it waits for bytes', async () => {
    const abort = new AbortController();
    const { store, layer } = layerOf(archive, async (blob, path, growth, job) => {
      writeFileSync(path, blob.subarray(0, 100));
      growth(path, 100);
      await setTimeout(60_000, undefined, { signal: job.signal });
    });
    const running = unpackLayers(jobOf(abort.signal), store, [layer], tempDir('unpack'), OPTIONS);
    await setTimeout(100);
    abort.abort(new Error('stop'));
    await expect(running).rejects.toThrow('stop');
  });
});
