/** What layers add and hide: the sums agree with each other, and with what is listed. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Entry, JobContext } from '../../../src/contract/index.ts';
import type { Digest } from '../../../src/core/digest.ts';
import { isCtxsrcError } from '../../../src/core/errors.ts';
import { MetadataSum } from '../../../src/image/entries/entry-collector.ts';
import { readEntries } from '../../../src/image/entries/layer-index.ts';
import { LayeredFiles } from '../../../src/image/entries/layered-files.ts';
import type { OpenLayer } from '../../../src/image/entries/read-layer.ts';
import { CHANGES, sumLayer, type Weights, weighLayers } from '../../../src/image/entries/weigh.ts';
import { listFiles } from '../../../src/snapshot/list/source-files.ts';
import { archiveOf, type FuzzCase, fuzzCase } from '../../support/layer-fuzz.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { type TarEntry, tar } from '../../support/tar-builder.ts';

const signal = new AbortController().signal;
const job = { signal, progress: { emit: () => undefined } } as unknown as JobContext;
const limits = { maxBytes: 1e9, maxFiles: 1e5, maxRatio: 1000 };

function open(bytes: Buffer): OpenLayer {
  const digest: Digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  const descriptor = { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest, size: bytes.length };
  return {
    descriptor,
    diffId: digest,
    read: async function* () {
      yield bytes;
    },
  };
}

async function weighed(layers: readonly OpenLayer[]): Promise<{ weights: Weights; entries: (readonly Entry[])[] }> {
  const store = new MemoryStore();
  const entries: (readonly Entry[])[] = [];
  for (const layer of layers) entries.push([...(await readEntries(job, store, layer, limits, new MetadataSum()))]);
  const asked = layers.map(({ diffId }, i) => ({ digest: diffId, entries: entries[i]! }));
  return { weights: await weighLayers(signal, asked, limits), entries };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);

test('of random layers: alive and hidden bytes are those of the layers, and alive are those that ls lists (L1)', async () => {
  let hiding = 0;
  await fc.assert(
    fc.asyncProperty(fuzzCase, async (fuzz: FuzzCase) => {
      const layers = fuzz.layers.map((layer) => open(Buffer.from(archiveOf(layer, fuzz.long))));
      const files = new LayeredFiles({ store: new MemoryStore(), layers, limits, release: async () => undefined });
      let found: Awaited<ReturnType<typeof weighed>>;
      try {
        found = await weighed(layers);
      } catch (error) {
        if (!isCtxsrcError(error)) throw error;
        await expect(listFiles(job, files, '', true)).rejects.toMatchObject({ code: error.code });
        return;
      }
      const { weights, entries } = found;
      const listed = [...(await listFiles(job, files, '', true))].filter(({ type }) => type === 'file');
      expect(weights.alive).toBe(sum(listed.map(({ size }) => size)));
      expect(weights.alive + sum(weights.hidden.map(({ size }) => size))).toBe(
        sum(weights.layers.map(({ bytes }) => bytes)),
      );
      expect(listed.length + weights.hidden.length).toBe(sum(weights.layers.map(({ files }) => files)));
      expect(weights.layers.map(({ bytes, files }) => ({ bytes, files }))).toEqual(
        entries.map((list) => sumLayer(list)),
      );
      for (const { path } of weights.largest) expect(listed.map((one) => one.path)).toContain(path);
      // What hides a file is not below it.
      for (const { layer, by } of weights.hidden) expect(by).toBeGreaterThanOrEqual(layer);
      expect(weights.layers.map(({ changes }) => changes.length)).toEqual(entries.map(({ length }) => length));
      hiding += weights.hidden.length > 0 ? 1 : 0;
    }),
    { numRuns: 150 },
  );
  expect(hiding).toBeGreaterThan(10);
});

const file = (name: string, content: string): TarEntry => ({ name, content });
const link = (name: string, linkname: string): TarEntry => ({ name, type: 'hardlink', linkname });

test.each<[string, readonly (readonly TarEntry[])[], readonly string[], number]>([
  [
    'a path carried three times',
    [[file('a', '1')], [file('a', '22')], [file('a', '333')]],
    ['a 2 1>2 replaced', 'a 1 0>1 replaced'],
    3,
  ],
  ['a file with another name left', [[file('a', '1'), link('b', 'a')], [file('.wh.a', '')]], [], 1],
  [
    'a file without its last name',
    [
      [file('a', '1'), link('b', 'a')],
      [file('.wh.a', ''), file('.wh.b', '')],
    ],
    ['b 1 0>1 removed'],
    0,
  ],
  [
    'a name linked anew to another file',
    [[file('a', '1'), file('b', '22')], [link('a', 'b')]],
    ['a 1 0>1 replaced'],
    2,
  ],
  ['twice in one layer', [[file('a', '1'), file('a', '22')]], ['a 1 0>0 replaced'], 2],
  ['the same again', [[file('a', '1')], [file('a', '1')]], ['a 1 0>1 metadata'], 1],
  [
    'a directory that becomes a file',
    [[{ name: 'd', type: 'dir' }, file('d/x', '1')], [file('d', '22')]],
    ['d/x 1 0>1 replaced'],
    2,
  ],
  [
    'through a link',
    [
      [{ name: 'd', type: 'dir' }, file('d/x', '1'), { name: 'l', type: 'symlink', linkname: 'd' }],
      [file('l/x', '22')],
    ],
    ['d/x 1 0>1 replaced'],
    2,
  ],
  ['a whiteout that has content', [[file('a', '1')], [file('.wh.a', 'not counted')]], ['a 1 0>1 removed'], 0],
])('%s', async (_name, layers, hidden, alive) => {
  const { weights } = await weighed(layers.map((entries) => open(tar(entries))));
  expect(weights.hidden.map(({ path, size, layer, by, how }) => `${path} ${size} ${layer}>${by} ${how}`)).toEqual(
    hidden,
  );
  expect(weights.alive).toBe(alive);
});

test('tells what each entry does', async () => {
  const { weights } = await weighed([
    open(tar([{ name: 'd', type: 'dir' }, file('d/x', '1'), file('y', '1')])),
    open(
      tar([
        { name: './', type: 'dir' },
        { name: 'd', type: 'dir' },
        file('d/.wh..wh..opq', ''),
        file('.wh.y', ''),
        file('y', '2'),
      ]),
    ),
  ]);
  expect(weights.layers.map(({ changes }) => [...changes].map((change) => CHANGES[change]))).toEqual([
    ['add', 'add', 'add'],
    ['none', 'replace', 'opaque', 'remove', 'add'],
  ]);
});

test('a file that is replaced is not the same again because parts of the digests are equal', async () => {
  // Of so many contents two have the same last 28 bits.
  const seen = new Map<string, string>();
  let pair: readonly string[] | undefined;
  for (let number = 100_000; pair === undefined; number += 1) {
    const end = createHash('sha256').update(`${number}`).digest('hex').slice(-7);
    const earlier = seen.get(end);
    if (earlier !== undefined) pair = [earlier, `${number}`];
    seen.set(end, `${number}`);
  }
  const { weights } = await weighed(pair.map((content) => open(tar([file('a', content)]))));
  expect(weights.hidden).toMatchObject([{ path: 'a', how: 'replaced' }]);
});
