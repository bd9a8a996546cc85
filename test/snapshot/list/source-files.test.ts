/** Files where they lie: what is printed of a file that changes, and what a failure leaves held. */
import { appendFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ImmutableRef, JobContext, SourceInstance, Store } from '../../../src/contract/index.ts';
import { bytesOfText } from '../../../src/fs/byte-string.ts';
import { openFiles, readFile } from '../../../src/snapshot/list/source-files.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { tempDir } from '../../support/temp.ts';

const job = { signal: new AbortController().signal } as unknown as JobContext;

/** A store that is asked for a place just before a large file is read. */
function store(beforeReading: () => void): Store {
  const place = async (): Promise<string> => {
    beforeReading();
    return tempDir('spool');
  };
  return Object.assign(new MemoryStore(), { tempDir: place }) as Store;
}

describe('a large file of a directory', () => {
  const content = Buffer.alloc(9 << 20, 'content ');

  async function cat(change: (path: string) => void): Promise<Buffer[]> {
    const root = tempDir('context');
    const path = join(root, 'large');
    writeFileSync(path, content);
    const instance = {
      files: async () => ({ root: bytesOfText(root), modes: 'exact', excludedBy: () => '' }),
    } as unknown as SourceInstance;
    const files = await openFiles(job, { instance, store: store(() => change(path)) });
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of readFile(job, files, 'large')) chunks.push(chunk as Buffer);
    } catch (error) {
      throw Object.assign(error as Error, { given: chunks.length });
    }
    return chunks;
  }

  it('is given whole', async () => {
    expect(Buffer.concat(await cat(() => undefined)).equals(content)).toBe(true);
  });

  it.each([
    ['grows', (path: string) => appendFileSync(path, 'x')],
    ['is cut', (path: string) => writeFileSync(path, 'x')],
    ['is touched', (path: string) => utimesSync(path, 1, 1)],
  ])('that %s while it is read: nothing of it is given', async (_, change) => {
    await expect(cat(change)).rejects.toMatchObject({
      code: 'E_IO',
      message: expect.stringContaining('large changed while'),
      given: 0,
    });
  });
});

it('a source that is over a limit holds no files afterwards', async () => {
  const root = tempDir('mounted');
  for (const name of ['a', 'b']) writeFileSync(join(root, name), '');
  const released: string[] = [];
  const ref = {
    getRemotes: async () => [],
    mount: async () => ({ path: root, release: async () => void released.push('mount') }),
    release: async () => void released.push('ref'),
  } as unknown as ImmutableRef;
  const instance = { snapshot: async () => ref } as unknown as SourceInstance;
  const opened = openFiles(job, { instance, store: new MemoryStore(), limits: { maxFiles: 1 } });
  await expect(opened).rejects.toMatchObject({ code: 'E_LIMIT' });
  expect(released).toEqual(['mount', 'ref']);
});
