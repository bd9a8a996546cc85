/** The layers of an image when one of them cannot be read. */
import { setTimeout as pause } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { JobContext } from '../../../src/contract/index.ts';
import type { Digest } from '../../../src/core/digest.ts';
import { LayeredFiles } from '../../../src/image/entries/layered-files.ts';
import { MemoryStore } from '../../support/memory-store.ts';

const job = { signal: new AbortController().signal, progress: { emit: () => undefined } } as unknown as JobContext;
const limits = { maxBytes: 1e9, maxFiles: 1e5, maxRatio: 1000 };

it('a layer that fails stops the others, and is what is reported', async () => {
  const stopped: number[] = [];
  const layers = [0, 1, 2].map((number) => {
    const diffId: Digest = `sha256:${String(number).repeat(64)}`;
    const read = async function* (reading: JobContext): AsyncGenerator<Uint8Array> {
      if (number === 1) throw new Error('no such layer');
      await pause(2000, undefined, { signal: reading.signal }).catch(() => stopped.push(number));
      reading.signal.throwIfAborted();
      yield Buffer.alloc(1024);
    };
    return {
      descriptor: { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: diffId, size: 1024 },
      diffId,
      read,
    };
  });
  const files = new LayeredFiles({ store: new MemoryStore(), layers, limits, release: async () => undefined });
  await expect(files.readAll(job)).rejects.toThrow('no such layer');
  expect(stopped.sort()).toEqual([0, 2]);
});
