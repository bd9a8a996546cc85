import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { hashTree } from '../../../src/fs/hash/hash-tree.ts';
import * as native from '../../../src/fs/native/native.ts';
import { tempDir } from '../../support/temp.ts';

const { available } = vi.hoisted(() => ({ available: { yes: false, stat: true } }));

vi.mock('../../../src/fs/native/native.ts', async (importOriginal) => {
  const original = await importOriginal<typeof native>();
  const loadNative = (): native.Native | undefined => {
    const calls = available.yes ? original.loadNative() : undefined;
    return calls && { ...calls, capabilities: { ...calls.capabilities, stat: available.stat } };
  };
  return { ...original, loadNative };
});

beforeEach(() => {
  const real = Date.now.bind(Date);
  vi.spyOn(Date, 'now').mockImplementation(() => real() + 10_000);
});
afterEach(() => vi.restoreAllMocks());

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

test('with a C library that has no statx, extended attributes count nevertheless', async () => {
  available.yes = true;
  const root = join(tempDir('no-statx'), 'tree');
  mkdirSync(root);
  for (const name of ['a', 'b']) writeFileSync(join(root, name), 'x');
  native.loadNative()?.setXattr(join(root, 'a'), 'user.note', Buffer.from('kept'));
  const { digest, incomplete } = await hashTree(root);
  available.stat = false;
  expect(await hashTree(root)).toMatchObject({ digest, incomplete });
});
