/** The memory that the entries of a hostile image may take, and the rows that are kept of many. */
import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import type { Entry, JobContext } from '../../../src/contract/index.ts';
import type { Digest } from '../../../src/core/digest.ts';
import { EntryCollector, MetadataSum } from '../../../src/image/entries/entry-collector.ts';
import { layerEntries, storedEntries } from '../../../src/image/entries/layer-index.ts';
import type { TarEntry } from '../../../src/layer/tar/reader.ts';
import { FileEntryIndexes } from '../../../src/store/entry-indexes.ts';
import type { StoreDirectory } from '../../../src/store/layout.ts';
import { openStore } from '../../../src/store/store.ts';
import { digestOf } from '../../support/layout-builder.ts';
import { tar } from '../../support/tar-builder.ts';
import { tempDir } from '../../support/temp.ts';

const limits = { maxBytes: 1e9, maxFiles: 1e6 };
const MIB = 'x'.repeat(1 << 20);
const plain: TarEntry = {
  ...{ name: 'a', type: 'symlink', mode: 0o777, uid: 0, gid: 0, size: 0, mtime: 0, mtimeNs: 0, linkName: 'b' },
  ...{ devMajor: 0, devMinor: 0, xattrs: undefined, sparse: undefined },
};

it.each([
  ['names', { name: MIB }],
  ['link targets', { linkName: MIB }],
  ['attributes', { xattrs: new Map([['user.a', MIB]]) }],
])('%s of all layers together are limited', (_, large) => {
  const metadata = new MetadataSum();
  const entry: Entry = { ...plain, path: MIB, type: 'file' };
  for (let done = 0; done < 510; done += 1) metadata.add(entry);
  const layer = new EntryCollector(limits, metadata);
  layer.entry({ ...plain, ...large });
  expect(() => layer.entry({ ...plain, ...large })).toThrow(expect.objectContaining({ code: 'E_LIMIT' }));
});

it('an index that is too large is not kept', async () => {
  // Nothing of the directory is asked for.
  const indexes = new FileEntryIndexes({} as StoreDirectory);
  const piece = Buffer.alloc(16 << 20);
  await indexes.put(`sha256:${'0'.repeat(64)}`, [piece, piece, piece, piece, Buffer.alloc(1)]);
});

it('the entries of a layer are kept in pieces, which the store gives back', async () => {
  const many = 5_000;
  const bytes = tar(Array.from({ length: many }, (_, number) => ({ name: `file${number}`, content: 'x' })));
  const digest: Digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  const descriptor = { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest, size: bytes.length };
  const read = async function* (): AsyncGenerator<Uint8Array> {
    yield bytes;
  };
  const store = await openStore({ root: tempDir('entry-index') });
  const job = { signal: new AbortController().signal, progress: { emit: () => undefined } } as unknown as JobContext;
  const layer = { descriptor, diffId: digest, read };
  const made = [...(await layerEntries(job, store, layer, { ...limits, maxRatio: 1000 }, new MetadataSum()))];
  expect((await store.entryIndexes.get(digest))!.length).toBeGreaterThan(1);
  const kept = await storedEntries(store, digest);
  expect([...kept!]).toEqual(made);
  expect([...kept!]).toHaveLength(many);
  expect(made[7]).toMatchObject({ path: 'file7', digest: digestOf('x') });
  await store.close();
});
