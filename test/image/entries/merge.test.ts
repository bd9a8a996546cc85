/** Random stacks of layers: what is listed is what is unpacked, and of an upper part of the layers no less is right. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fuzzCase } from '../../support/layer-fuzz.ts';
import type { ModelEntry } from '../../support/layer-model.ts';
import { tempDir } from '../../support/temp.ts';
import { expectListsToBeTrees, layered, listed, unpacked } from './random-stacks.ts';

test('ls -R lists what unpacking writes (R5)', async () => {
  await expectListsToBeTrees(60);
});

const paths = fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e', '..'), { minLength: 1, maxLength: 3 });

test('a path asked for by itself is what it is in the whole tree', async () => {
  await fc.assert(
    fc.asyncProperty(fuzzCase, paths, async (fuzz, parts) => {
      const path = parts.join('/');
      const whole = layered(fuzz).files;
      // A stack that cannot be unpacked may have upper layers that answer.
      if (typeof (await listed(whole, '')) === 'string') return;
      const inWhole = await listed(whole, path);
      const part = layered(fuzz);
      const alone = await listed(part.files, path);
      if (part.read.size === fuzz.layers.length) expect(alone).toEqual(inWhole);
      else expect(withoutLinks(alone, inWhole)).toEqual(withoutLinks(inWhole, inWhole));
    }),
    { numRuns: 200 },
  );
});

/** Which of several names is the file's own, and which are links to it, cannot be told from a part. */
function withoutLinks(rows: string[] | string, inWhole: string[] | string): string[] | string {
  if (typeof rows === 'string' || typeof inWhole === 'string' || !inWhole[0]?.includes(' hardlink ')) return rows;
  return rows.map((text) =>
    text
      .split(' ')
      .filter((_, column) => column !== 1)
      .slice(0, 5)
      .join(' '),
  );
}

const entry = (name: string, type: ModelEntry['type'], link = ''): ModelEntry => {
  return { name, type, link, mode: 0o755, uid: 0, gid: 0, mtime: 0n, content: '' };
};
const dir = (name: string): ModelEntry => entry(name, 'dir');
const file = (name: string): ModelEntry => entry(name, 'file');
const link = (name: string, target: string): ModelEntry => entry(name, 'symlink', target);

test.each<[string, readonly ModelEntry[], string[]]>([
  ['a file is removed', [file('d/.wh.f')], ['d', 'd/sub', 'd/sub/g', 'l']],
  ['a file is removed and made again', [file('d/.wh.f'), file('d/f')], ['d', 'd/f', 'd/sub', 'd/sub/g', 'l']],
  ['a file is made and then removed', [file('d/f'), file('d/.wh.f')], ['d', 'd/sub', 'd/sub/g', 'l']],
  ['a directory is removed', [file('.wh.d')], ['l']],
  ['a directory is removed and made again', [file('.wh.d'), dir('d'), file('d/new')], ['d', 'd/new', 'l']],
  ['a directory is opaque', [dir('d'), file('d/.wh..wh..opq')], ['d', 'l']],
  ['a directory is opaque, then filled', [file('d/.wh..wh..opq'), file('d/new')], ['d', 'd/new', 'l']],
  ['a directory is filled, then opaque', [file('d/new'), file('d/.wh..wh..opq')], ['d', 'd/new', 'l']],
  ['a directory becomes a file', [file('d')], ['d', 'l']],
  ['a file becomes a directory', [dir('d/f'), file('d/f/in')], ['d', 'd/f', 'd/f/in', 'd/sub', 'd/sub/g', 'l']],
  ['a directory becomes a link', [link('d', 'e')], ['d', 'l']],
  ['a file is written through a link', [file('l/new')], ['d', 'd/f', 'd/new', 'd/sub', 'd/sub/g', 'l']],
])('%s', async (_, upper, expected) => {
  const lower = [dir('d'), file('d/f'), dir('d/sub'), file('d/sub/g'), link('l', 'd')];
  const fuzz = { layers: [lower, upper], long: 'auto', chunk: 4096, helper: 'none' } as const;
  const rows = await listed(layered(fuzz).files, '');
  expect((rows as string[]).map((text) => text.split(' ')[0])).toEqual(expected);
  expect(rows).toEqual(unpacked(fuzz, tempDir('entries')));
});
