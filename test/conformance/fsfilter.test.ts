import { mkdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bytesOfText } from '../../src/fs/byte-string.ts';
import { DiskReader, type TreeEntry } from '../../src/fs/entry/tree-entry.ts';
import { followPaths } from '../../src/fs/match/follow-paths.ts';
import { walkTree } from '../../src/fs/walk/walk.ts';
import { buildTree, type VectorEntry, vectorPath } from '../support/context-tree.ts';
import { tempDir } from '../support/temp.ts';

interface Case {
  readonly name: string;
  readonly input: {
    readonly tree: number;
    readonly includePatterns: readonly string[] | null;
    readonly excludePatterns: readonly string[] | null;
    readonly followPaths: readonly string[] | null;
  };
  readonly expect: {
    readonly walk?: readonly { path: string; type: string; size: number; linkname?: string }[];
    readonly followLinks?: readonly string[] | null;
    readonly error?: string;
  };
}

const vectors = JSON.parse(readFileSync(new URL('./vectors/fsfilter.json', import.meta.url), 'utf8')) as {
  count: number;
  common: { trees: VectorEntry[][] };
  cases: Case[];
};

const dir = tempDir('fsfilter');
const built: { close(): void }[] = [];

beforeAll(async () => {
  for (const [number, tree] of vectors.common.trees.entries()) {
    mkdirSync(`${dir}/${number}`);
    built.push(await buildTree(`${dir}/${number}`, tree));
  }
});
afterAll(() => {
  for (const tree of built) tree.close();
});

/** A walked entry as the vectors write it: sockets are files, later links of an inode name the first. */
function shape(entries: readonly TreeEntry[], reader: DiskReader) {
  const first = new Map<string, string>();
  return entries.map((entry) => {
    const type = entry.type === 'socket' ? 'file' : entry.type;
    const inode = `${entry.dev}:${entry.ino}`;
    let linkname = type === 'symlink' ? reader.target(entry.path) : undefined;
    if (entry.type === 'file' && entry.nlink > 1) {
      linkname = first.get(inode);
      if (linkname === undefined) first.set(inode, entry.path);
    }
    const size = type === 'dir' ? 0 : entry.size;
    return { path: entry.path, type, size, ...(linkname === undefined ? {} : { linkname }) };
  });
}

describe(`fsfilter.json, ${vectors.count} cases`, () => {
  test('the file is complete', () => expect(vectors.cases).toHaveLength(vectors.count));

  test.each(vectors.cases)('$name', ({ input, expect: expected }) => {
    const reader = new DiskReader(`${dir}/${input.tree}`);
    if (expected.followLinks !== undefined) {
      const followed = followPaths(reader, input.followPaths!.map(bytesOfText));
      expect(followed ?? null).toEqual(expected.followLinks?.map(bytesOfText) ?? null);
    }
    const walk = () =>
      shape(
        [
          ...walkTree(reader, {
            include: input.includePatterns ?? undefined,
            exclude: input.excludePatterns ?? undefined,
            follow: input.followPaths ?? undefined,
          }),
        ],
        reader,
      );
    if (expected.error !== undefined) {
      expect(walk).toThrow('syntax error in pattern');
      return;
    }
    expect(walk()).toEqual(expected.walk!.map((entry) => ({ ...entry, path: vectorPath(entry) })));
  });
});
