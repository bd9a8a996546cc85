import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test, vi } from 'vitest';
import { hashTree } from '../../src/fs/hash-tree.ts';
import * as native from '../../src/fs/native.ts';
import { tempDir } from '../support/temp.ts';

const { available } = vi.hoisted(() => ({ available: { yes: false } }));

vi.mock('../../src/fs/native.ts', async (importOriginal) => {
  const original = await importOriginal<typeof native>();
  return { ...original, loadNative: () => (available.yes ? original.loadNative() : undefined) };
});

beforeEach(() => {
  const real = Date.now.bind(Date);
  vi.spyOn(Date, 'now').mockImplementation(() => real() + 10_000);
});

test('without the native calls the answer says what it has not seen', async () => {
  const root = join(tempDir('no-native'), 'tree');
  mkdirSync(root);
  writeFileSync(join(root, 'a'), 'x');
  const cacheDir = tempDir('cache');
  const first = await hashTree(root, { cacheDir });
  expect(first.incomplete).toEqual(['xattrs']);
  expect((await hashTree(root, { cacheDir })).incomplete).toEqual(['xattrs']);
  available.yes = true;
  // What was remembered without them is not taken for complete.
  expect((await hashTree(root, { cacheDir })).incomplete).toEqual(native.loadNative() === undefined ? ['xattrs'] : []);
  available.yes = false;
  expect((await hashTree(root, { cacheDir })).digest).toBe(first.digest);
});
