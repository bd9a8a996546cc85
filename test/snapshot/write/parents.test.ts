import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createParents } from '../../../src/snapshot/write/target.ts';
import { tempDir } from '../../support/temp.ts';

it('runs side by side make the parents of their targets, each of them once', async () => {
  const dir = tempDir('parents');
  const targets = Array.from({ length: 8 }, (_, number) => join(dir, 'a', 'b', `target-${number}`));
  const created = await Promise.all(targets.map((target) => createParents(target)));
  expect(created.flat().sort()).toEqual([join(dir, 'a'), join(dir, 'a', 'b')]);
  for (const target of targets) mkdirSync(target);
  expect(statSync(join(dir, 'a', 'b')).isDirectory()).toBe(true);
});
