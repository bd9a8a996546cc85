import { randomBytes } from 'node:crypto';
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Store } from '../../../src/contract/store.ts';
import { type Digest, digestHex, digestLike, sha256 } from '../../../src/core/digest.ts';
import type { ProgressEvent } from '../../../src/core/progress.ts';
import { openStore } from '../../../src/store/store.ts';
import { tempDir } from '../../support/temp.ts';
import { testJob } from '../job.ts';

let root: string;
let store: Store;
let events: ProgressEvent[];

beforeEach(async () => {
  root = join(tempDir('store'), 'cache');
  events = [];
  store = await openStore({ root, progress: { emit: (event) => events.push(event) } });
});

const content = randomBytes(3_000_000);
const digest = sha256(content);

/** A body in small pieces that breaks off after `cut` bytes. */
async function* body(bytes: Buffer, cut = Number.POSITIVE_INFINITY): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 16_384) {
    if (at >= cut) throw new Error('connection reset');
    yield bytes.subarray(at, at + 16_384);
  }
}

const whole = async () => ({ body: body(content), offset: 0 });

/** Names below the store that are neither blobs nor fixed parts of it. */
async function leftovers(): Promise<string[]> {
  const found: string[] = [];
  for (const dir of ['ingest', 'tmp', 'locks']) found.push(...(await readdir(join(root, dir))));
  return found;
}

describe('ingest', () => {
  it('stores a blob under its digest, once', async () => {
    const job = testJob();
    expect(await store.blobs.ingest(job, { digest, size: content.length }, whole)).toBe('stored');
    expect(sha256(await readFile(join(root, 'blobs/sha256', digestHex(digest))))).toBe(sha256(content));
    expect(await store.blobs.ingest(job, { digest }, () => Promise.reject(new Error('asked again')))).toBe('cached');
    expect(await store.blobs.size(digest)).toBe(content.length);
    expect(await leftovers()).toEqual([]);
  });

  it.each(['sha384', 'sha512'])('stores %s blobs', async (algorithm) => {
    const other = digestLike(`${algorithm}:0` as Digest, content);
    expect(await store.blobs.ingest(testJob(), { digest: other }, whole)).toBe('stored');
    expect(sha256(await readFile(join(root, 'blobs', algorithm, digestHex(other))))).toBe(sha256(content));
  });

  it('goes on with what an earlier run left, and tells how the file grows', async () => {
    const asked: unknown[] = [];
    await expect(
      store.blobs.ingest(testJob(), { digest }, async () => ({
        body: body(content, 1_000_000),
        offset: 0,
        validator: '"v1"',
      })),
    ).rejects.toThrow('connection reset');
    const later = await openStore({ root });
    const told: number[] = [];
    let file: number | undefined;
    const outcome = await later.blobs.ingest(
      testJob(),
      { digest },
      async (resume) => {
        asked.push(resume);
        return { body: body(content.subarray(resume.offset)), offset: resume.offset, validator: '"v1"' };
      },
      {
        growth: (path, bytes) => {
          file ??= openSync(path, 'r');
          expect(fstatSync(file).size).toBeGreaterThanOrEqual(bytes);
          told.push(bytes);
        },
      },
    );
    expect(outcome).toBe('stored');
    expect(asked).toEqual([{ offset: 1_015_808, validator: '"v1"' }]);
    expect(told[0]).toBe(1_015_808);
    expect(told.at(-1)).toBe(content.length);
    expect(told).toEqual([...told].sort((a, b) => a - b));
    expect(sha256(readFileSync(file!))).toBe(sha256(content));
    closeSync(file!);
    expect(await leftovers()).toEqual([]);
  });

  it('takes the whole again from an origin that cannot resume', async () => {
    await expect(
      store.blobs.ingest(testJob(), { digest }, async () => ({ body: body(content, 500_000), offset: 0 })),
    ).rejects.toThrow('connection reset');
    let asked = 0;
    await store.blobs.ingest(testJob(), { digest }, async () => {
      asked += 1;
      return whole();
    });
    // What is there already is passed over: the origin is not asked once more.
    expect(asked).toBe(1);
    expect(sha256(await readFile(store.blobs.path(digest)))).toBe(sha256(content));
  });

  it('starts over when the kept part is bad', async () => {
    await expect(
      store.blobs.ingest(testJob(), { digest }, async () => ({ body: body(content, 500_000), offset: 0 })),
    ).rejects.toThrow('connection reset');
    await writeFile(join(root, 'ingest', digest.replace(':', '-')), Buffer.alloc(300_000));
    const offsets: number[] = [];
    await store.blobs.ingest(testJob(), { digest }, async ({ offset }) => {
      offsets.push(offset);
      return { body: body(content.subarray(offset)), offset };
    });
    expect(offsets).toEqual([300_000, 0]);
    expect(sha256(await readFile(store.blobs.path(digest)))).toBe(sha256(content));
  });

  it.each([
    ['other bytes', randomBytes(content.length), content.length, 'E_DIGEST_MISMATCH'],
    ['too few', content.subarray(0, 100), content.length, 'E_SIZE_MISMATCH'],
    ['too many', Buffer.concat([content, content]), content.length, 'E_SIZE_MISMATCH'],
    ['other bytes of unknown size', Buffer.from('x'), undefined, 'E_DIGEST_MISMATCH'],
  ])('refuses %s and leaves nothing', async (_what, bytes, size, code) => {
    const failing = store.blobs.ingest(testJob(), { digest, size }, async () => ({
      body: body(bytes),
      offset: 0,
      what: 'layer X of the/image',
    }));
    await expect(failing).rejects.toMatchObject({ code, message: expect.stringContaining('layer X of the/image') });
    expect(await store.blobs.size(digest)).toBeUndefined();
    expect(await leftovers()).toEqual([]);
  });

  it('is one for all callers of a process', async () => {
    let produced = 0;
    const outcomes = await Promise.all(
      Array.from({ length: 16 }, () =>
        store.blobs.ingest(testJob(), { digest }, async () => {
          produced += 1;
          return whole();
        }),
      ),
    );
    expect(produced).toBe(1);
    expect(outcomes.filter((outcome) => outcome === 'stored')).toHaveLength(1);
  });

  it('is taken over when the caller who works gives up', async () => {
    const first = testJob();
    let produced = 0;
    let secondAsks: () => void = () => undefined;
    const secondAsked = new Promise<void>((resolve) => {
      secondAsks = resolve;
    });
    let firstWorks: () => void = () => undefined;
    const firstWorking = new Promise<void>((resolve) => {
      firstWorks = resolve;
    });
    const slow = async function* (offset: number) {
      yield content.subarray(offset, offset + 1_000_000);
      firstWorks();
      await secondAsked;
      if (produced === 1) first.abort();
      yield content.subarray(offset + 1_000_000);
    };
    const produce = async ({ offset }: { offset: number }) => {
      produced += 1;
      return { body: slow(offset), offset };
    };
    const working = store.blobs.ingest(first, { digest }, produce);
    await firstWorking;
    const waiting = store.blobs.ingest(testJob(), { digest }, produce);
    secondAsks();
    const [aborted, other] = await Promise.allSettled([working, waiting]);
    expect(aborted.status).toBe('rejected');
    expect(other).toEqual({ status: 'fulfilled', value: 'stored' });
    expect(produced).toBe(2);
    expect(sha256(await readFile(store.blobs.path(digest)))).toBe(sha256(content));
  });
});

describe('read and put', () => {
  it('reads what was put', async () => {
    await store.blobs.put(sha256('{}'), Buffer.from('{}'));
    expect(await store.blobs.read(sha256('{}'), 100)).toEqual(Buffer.from('{}'));
    expect(await store.blobs.read(sha256('absent'), 100)).toBeUndefined();
    await expect(store.blobs.read(sha256('{}'), 1)).rejects.toMatchObject({ code: 'E_LIMIT' });
    await expect(store.blobs.put(sha256('{}'), Buffer.from('{ }'))).rejects.toMatchObject({
      code: 'E_DIGEST_MISMATCH',
    });
  });

  it('removes a damaged blob, says so, and takes it for missing', async () => {
    await store.blobs.put(sha256('{}'), Buffer.from('{}'));
    await writeFile(store.blobs.path(sha256('{}')), '[]');
    expect(await store.blobs.read(sha256('{}'), 100)).toBeUndefined();
    expect(await store.blobs.size(sha256('{}'))).toBeUndefined();
    expect(events).toMatchObject([{ type: 'message', level: 'warning' }]);
  });

  it('streams from an offset', async () => {
    await store.blobs.put(digest, content);
    const parts: Buffer[] = [];
    for await (const part of store.blobs.open(digest, 1_000_000) as AsyncIterable<Buffer>) parts.push(part);
    expect(sha256(Buffer.concat(parts))).toBe(sha256(content.subarray(1_000_000)));
  });
});
