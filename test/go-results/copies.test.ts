/** Trees and copies made up at random, sent and hashed by BuildKit's own packages: its digests are right. */
import { mkdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { openContext } from '../../src/build/content/context.ts';
import { inputsOf } from '../../src/build/step/selection.ts';
import { isCtxsrcError } from '../../src/core/errors.ts';
import type { Vertex } from '../../src/dockerfile/graph/types.ts';
import { buildTree, type VectorEntry } from '../support/context-tree.ts';
import { tempDir } from '../support/temp.ts';

type Entry =
  | [path: string, type: 'dir', mode: number]
  | [path: string, type: 'file', mode: number, content: string]
  | [path: string, type: 'link' | 'hard', target: string];
type Check = [kind: 'copy' | 'mount', what: readonly object[], digest: string | null, outcome: '' | 'fails'];
type Case = [tree: Entry[], exclude: string[], follow: string[] | null, checks: Check[]];

const { made, cases } = JSON.parse(readFileSync(new URL('./copies.json', import.meta.url), 'utf8')) as {
  made: string;
  cases: Case[];
};
const dir = tempDir('copies');

function vectorEntry([path, type, third, content]: Entry): VectorEntry {
  const facts = { path, uid: 0, gid: 0 };
  if (typeof third === 'number') {
    return {
      ...facts,
      type: type as 'dir' | 'file',
      mode: third.toString(8),
      ...(content !== undefined && { content }),
    };
  }
  return { ...facts, type: type === 'link' ? 'symlink' : 'hardlink', mode: '0777', linkname: third };
}

/** The operation whose second input is the context. */
function vertexOf([kind, what]: Check): Vertex {
  const inputs = [0, 1].map((vertex) => ({ vertex, output: 0 }));
  if (kind === 'mount') {
    return { kind: 'exec', inputs, op: { meta: {}, mounts: [{ input: 0, dest: '/' }, ...what] }, places: [] };
  }
  const actions = what.map((copy, at) => ({ input: at === 0 ? 0 : at + 1, secondaryInput: 1, Action: { copy } }));
  return { kind: 'file', inputs, op: { actions }, places: [] };
}

describe(`${cases.length} trees as ${made}`, () => {
  test.each(cases.map((item, number) => ({ item, number })))('tree $number', async ({ item, number }) => {
    const [tree, exclude, follow, checks] = item;
    const root = `${dir}/${number}`;
    mkdirSync(root);
    await buildTree(root, tree.map(vectorEntry));
    const context = await openContext(root, { exclude, followPaths: follow ?? undefined });
    for (const check of checks) {
      const [, , digest, outcome] = check;
      const taken = await context.digest(inputsOf(vertexOf(check))[1]!.selections).catch((error: unknown) => {
        if (!isCtxsrcError(error, 'E_PATH_NOT_FOUND') && !isCtxsrcError(error, 'E_UNSAFE')) throw error;
        return null;
      });
      // A step that is going to fail may be refused before.
      if (taken !== null || outcome !== 'fails') expect(taken, JSON.stringify(check)).toBe(digest);
    }
  });

  test('nothing is left out', () => {
    const checks = cases.flatMap(([, , , list]) => list);
    expect(checks.length).toBeGreaterThan(350);
    expect(checks.filter(([, , digest]) => digest !== null).length).toBeGreaterThan(250);
    expect(checks.filter(([, , digest]) => digest === null).length).toBeGreaterThan(50);
  });
});
