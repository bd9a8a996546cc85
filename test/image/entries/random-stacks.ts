/** Stacks of layers as they are listed, and as they are unpacked. */
import { createHash } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect } from 'vitest';
import type { Entry, JobContext, Store } from '../../../src/contract/index.ts';
import type { Digest } from '../../../src/core/digest.ts';
import { isCtxsrcError } from '../../../src/core/errors.ts';
import { textOfTime } from '../../../src/fs/entry/time.ts';
import { LayeredFiles } from '../../../src/image/entries/layered-files.ts';
import { listFiles } from '../../../src/snapshot/list/source-files.ts';
import { applyLayers, archiveOf, type FuzzCase, fuzzCase } from '../../support/layer-fuzz.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { tempDir } from '../../support/temp.ts';

const isRoot = process.getuid!() === 0;
const job = { signal: new AbortController().signal, progress: { emit: () => undefined } } as unknown as JobContext;
const limits = { maxBytes: 1e9, maxFiles: 1e5, maxRatio: 1000 };

/** The layers of a case in memory, and the numbers of those that were read. */
export function layered({ layers, long }: FuzzCase): { files: LayeredFiles; read: Set<number>; store: Store } {
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
export function unpacked(fuzz: FuzzCase, scratch: string): string[] | string {
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

export async function listed(files: LayeredFiles, path: string, recursive = true): Promise<string[] | string> {
  try {
    return [...(await listFiles(job, files, path, recursive))].filter(({ type }) => isRoot || type !== 'char').map(row);
  } catch (error) {
    if (isCtxsrcError(error)) return error.code;
    throw error;
  }
}

/** Of random stacks, the list is the tree that unpacking writes. */
export async function expectListsToBeTrees(numRuns: number): Promise<void> {
  const scratch = tempDir('entries');
  await fc.assert(
    fc.asyncProperty(fuzzCase, async (fuzz) => {
      expect(await listed(layered(fuzz).files, '')).toEqual(unpacked(fuzz, scratch));
    }),
    { numRuns },
  );
}
