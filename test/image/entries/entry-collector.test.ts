/** The memory that the entries of a hostile image may take, and the rows that are kept of many. */
import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import type { JobContext, Store } from '../../../src/contract/index.ts';
import type { Digest } from '../../../src/core/digest.ts';
import { entriesOfRows } from '../../../src/fs/entry/json-rows.ts';
import { EntryCollector, MetadataSum } from '../../../src/image/entries/entry-collector.ts';
import { layerEntries } from '../../../src/image/entries/layer-index.ts';
import type { TarEntry } from '../../../src/layer/tar/reader.ts';
import { FileEntryIndexes } from '../../../src/store/entry-indexes.ts';
import type { StoreDirectory } from '../../../src/store/layout.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { tar } from '../../support/tar-builder.ts';

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
  const layers = [new EntryCollector(limits, metadata), new EntryCollector(limits, metadata)];
  const read = (count: number, layer: EntryCollector): void => {
    for (let done = 0; done < count; done += 1) layer.entry({ ...plain, ...large });
  };
  read(300, layers[0]!);
  expect(() => read(300, layers[1]!)).toThrow(expect.objectContaining({ code: 'E_LIMIT' }));
});

it('rows that are too many are not kept, and no more of them made', async () => {
  const piece = Buffer.alloc(256 << 20);
  let made = 0;
  function* rows(): Generator<Buffer> {
    for (; made < 9; made += 1) yield piece;
  }
  const indexes = new FileEntryIndexes({} as StoreDirectory);
  const diffId: Digest = `sha256:${'0'.repeat(64)}`;
  await indexes.put(diffId, rows());
  expect(made).toBe(2);
});

it('the rows of a layer are given in pieces, which together are its index', async () => {
  const bytes = tar(Array.from({ length: 40 }, (_, number) => ({ name: `file${number}`, content: 'x' })));
  const digest: Digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  const descriptor = { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest, size: bytes.length };
  const read = async function* (): AsyncGenerator<Uint8Array> {
    yield bytes;
  };
  let pieces: Uint8Array[] = [];
  const entryIndexes: Store['entryIndexes'] = {
    get: async () => undefined,
    put: async (_, rows) => {
      pieces = [...rows];
    },
  };
  const store = Object.assign(new MemoryStore(), { entryIndexes });
  const job = { signal: new AbortController().signal, progress: { emit: () => undefined } } as unknown as JobContext;
  const layer = { descriptor, diffId: digest, read };
  const entries = await layerEntries(job, store, layer, { ...limits, maxRatio: 1000 }, new MetadataSum());
  expect(pieces.length).toBeGreaterThan(1);
  const kept = [...entriesOfRows([Buffer.concat(pieces)])];
  expect(kept.map(({ path, digest: content }) => [path, content])).toEqual(
    entries.map(({ path, digest: content }) => [path, content]),
  );
  expect(kept).toHaveLength(40);
});
