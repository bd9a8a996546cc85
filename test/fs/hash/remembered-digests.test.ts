import { mkdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { DiskReader, type TreeEntry } from '../../../src/fs/entry/tree-entry.ts';
import { type HashTreeOptions, hashTree } from '../../../src/fs/hash/hash-tree.ts';
import { rememberedDigests } from '../../../src/fs/hash/remembered-digests.ts';
import { walkTree } from '../../../src/fs/walk/walk.ts';
import { tempDir } from '../../support/temp.ts';

let root: string;
let cacheDir: string;
beforeEach(() => {
  root = tempDir('remembered');
  cacheDir = tempDir('cache');
  mkdirSync(join(root, 'd'));
  for (const name of ['a', 'b', 'd/a', 'd/c']) writeFileSync(join(root, name), `content of ${name.slice(-1)}`);
  // What was just made is too young to be remembered.
  const real = Date.now.bind(Date);
  vi.spyOn(Date, 'now').mockImplementation(() => real() + 10_000);
});
afterEach(() => vi.restoreAllMocks());

/** What is remembered of each path, in the order of the walk. */
async function digests(options: HashTreeOptions): Promise<ReadonlyMap<string, string | undefined>> {
  const remembered = await rememberedDigests(root, options);
  const entries: TreeEntry[] = [...walkTree(new DiskReader(root), options.filter)];
  return new Map(entries.map((entry) => [entry.path, remembered(entry)]));
}

const known = (all: ReadonlyMap<string, string | undefined>): string[] =>
  [...all].filter(([, digest]) => digest !== undefined).map(([path]) => path);

test('all entries are known after a run, the same ones by the same digest', async () => {
  await hashTree(root, { cacheDir });
  const all = await digests({ cacheDir });
  expect(known(all)).toEqual(['a', 'b', 'd', 'd/a', 'd/c']);
  expect(all.get('d/a')).toBe(all.get('a'));
  expect(all.get('b')).not.toBe(all.get('a'));
});

test('what has changed since is not known, even with its size and time kept', async () => {
  await hashTree(root, { cacheDir });
  const { mtime } = statSync(join(root, 'a'));
  writeFileSync(join(root, 'a'), 'CONTENT OF A');
  utimesSync(join(root, 'a'), mtime, mtime);
  writeFileSync(join(root, 'ab'), 'new');
  expect(known(await digests({ cacheDir }))).toEqual(['b', 'd', 'd/a', 'd/c']);
});

test('nothing is known without a cache, or of another filter or other modes', async () => {
  const filter = { exclude: ['d/c'] };
  await hashTree(root, { cacheDir, filter });
  expect(known(await digests({ cacheDir, filter }))).toEqual(['a', 'b', 'd', 'd/a']);
  expect(known(await digests({ filter }))).toEqual([]);
  expect(known(await digests({ cacheDir }))).toEqual([]);
  expect(known(await digests({ cacheDir, filter, modes: 'exec' }))).toEqual([]);
});
