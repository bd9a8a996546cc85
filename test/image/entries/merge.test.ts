/** Random stacks of layers: what is listed is what is unpacked, and of an upper part of the layers no less is right. */
import { createHash } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Entry, JobContext, Store } from '../../../src/contract/index.ts';
import type { Digest } from '../../../src/core/digest.ts';
import { isCtxsrcError } from '../../../src/core/errors.ts';
import { textOfTime } from '../../../src/fs/entry/time.ts';
import { LayeredFiles } from '../../../src/image/entries/layered-files.ts';
import { listFiles } from '../../../src/snapshot/list/source-files.ts';
import { applyLayers, archiveOf, type FuzzCase, fuzzCase } from '../../support/layer-fuzz.ts';
import type { ModelEntry } from '../../support/layer-model.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { tempDir } from '../../support/temp.ts';

const isRoot = process.getuid!() === 0;
const job = { signal: new AbortController().signal, progress: { emit: () => undefined } } as unknown as JobContext;
const limits = { maxBytes: 1e9, maxFiles: 1e5, maxRatio: 1000 };

/** The layers of a case in memory, and the numbers of those that were read. */
function layered({ layers, long }: FuzzCase): { files: LayeredFiles; read: Set<number>; store: Store } {
  const store = new MemoryStore();
  const read = new Set<number>();
  const open = layers.map((layer, number) => {
    const bytes = archiveOf(layer, long);
    const digest: Digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    const descriptor = { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest, size: bytes.length };
    return {
      descriptor,
      diffId: digest,
      read: async function* () {
        read.add(number);
        yield bytes;
      },
    };
  });
  const files = new LayeredFiles({ store, layers: open, limits, release: async () => undefined });
  return { files, read, store };
}

/** Owners only as root: to a normal user files cannot be given. */
function row({ path, type, mode, uid, gid, size, target, digest, ...time }: Entry): string {
  const owner = isRoot ? `${uid}:${gid}` : '';
  return [path, type, mode.toString(8), owner, size, textOfTime(time), target, digest].join(' ');
}

/** Rows of the unpacked tree, or the code of the refusal. */
function unpacked(fuzz: FuzzCase, scratch: string): string[] | string {
  const dir = join(scratch, 'tree');
  mkdirSync(dir);
  try {
    return [...applyLayers(fuzz, dir).entries].map(row);
  } catch (error) {
    if (isCtxsrcError(error)) return error.code;
    throw error;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

async function listed(files: LayeredFiles, path: string, recursive = true): Promise<string[] | string> {
  try {
    return (await listFiles(job, files, path, recursive)).filter(({ type }) => isRoot || type !== 'char').map(row);
  } catch (error) {
    if (isCtxsrcError(error)) return error.code;
    throw error;
  }
}

test('ls -R lists what unpacking writes', async () => {
  const scratch = tempDir('entries');
  await fc.assert(
    fc.asyncProperty(fuzzCase, async (fuzz) => {
      expect(await listed(layered(fuzz).files, '')).toEqual(unpacked(fuzz, scratch));
    }),
    { numRuns: 60 },
  );
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
  const fuzz = { layers: [lower, upper], long: 'auto', chunk: 4096 } as const;
  const rows = await listed(layered(fuzz).files, '');
  expect((rows as string[]).map((text) => text.split(' ')[0])).toEqual(expected);
  expect(rows).toEqual(unpacked(fuzz, tempDir('entries')));
});
