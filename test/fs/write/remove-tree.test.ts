import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { removeTree } from '../../../src/fs/write/remove-tree.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'ctxsrc-remove-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

test('removes read-only and unreadable directories, names that are not UTF-8 and many files', async () => {
  const tree = join(dir, 'tree');
  mkdirSync(join(tree, 'a/b'), { recursive: true });
  for (let i = 0; i < 1500; i++) writeFileSync(join(tree, `a/b/${i}`), '');
  writeFileSync(Buffer.concat([Buffer.from(`${tree}/a/`), Buffer.from([0xff, 0x80])]), '');
  chmodSync(join(tree, 'a/b'), 0o555);
  chmodSync(join(tree, 'a'), 0o000);
  await removeTree(tree);
  expect(existsSync(tree)).toBe(false);
});

test('removes links and not what they point at', async () => {
  mkdirSync(join(dir, 'kept'));
  writeFileSync(join(dir, 'kept/file'), 'kept');
  mkdirSync(join(dir, 'tree'));
  symlinkSync(join(dir, 'kept'), join(dir, 'tree/link'));
  symlinkSync(join(dir, 'kept'), join(dir, 'link'));
  await removeTree(join(dir, 'tree'));
  await removeTree(join(dir, 'link'));
  expect(existsSync(join(dir, 'tree'))).toBe(false);
  expect(existsSync(join(dir, 'link'))).toBe(false);
  expect(readFileSync(join(dir, 'kept/file'), 'utf8')).toBe('kept');
});

test('what is not there is no error', async () => {
  await expect(removeTree(join(dir, 'nothing'))).resolves.toBeUndefined();
});
