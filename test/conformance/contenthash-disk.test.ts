import { chmodSync, mkdirSync, readFileSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import { openContext } from '../../src/build/content/context.ts';
import { sha256 } from '../../src/core/digest.ts';
import { isCtxsrcError } from '../../src/core/errors.ts';
import { joinPath } from '../../src/core/go/path.ts';
import { hashTree } from '../../src/fs/hash/hash-tree.ts';
import { buildTree, type VectorEntry, vectorPath } from '../support/context-tree.ts';
import { needsRoot } from '../support/needs.ts';
import { tempDir } from '../support/temp.ts';

interface Check {
  readonly path?: string;
  readonly opts: {
    readonly followLinks?: boolean;
    readonly wildcard?: boolean;
    readonly includePatterns?: readonly string[];
    readonly excludePatterns?: readonly string[];
    readonly requiredPaths?: readonly string[];
  };
  readonly digest?: string;
}

interface Case {
  readonly name: string;
  readonly input: { readonly entries: readonly VectorEntry[] };
  readonly expect: { readonly scan: readonly Check[]; readonly localSync?: readonly Check[] };
}

const vectors = JSON.parse(readFileSync(new URL('./vectors/contenthash.json', import.meta.url), 'utf8')) as {
  count: number;
  cases: Case[];
};

const dir = tempDir('contenthash');
const cacheDir = tempDir('stat-cache');
const built: { close(): void }[] = [];
afterAll(() => {
  for (const tree of built) tree.close();
});

/** The plain digest of the whole tree among the checks. */
function wholeTree(checks: readonly Check[] | undefined): string | undefined {
  return checks?.find(({ path, opts }) => path === '/' && Object.keys(opts).length === 0)?.digest?.slice(7);
}

let checked = 0;
const missing: string[] = [];

/** Operations clean their paths, and call a wildcard only what has one. */
function isAskedByBuilds({ path, opts }: Check): boolean {
  return path !== undefined && joinPath('/', path) === path && (opts.wildcard !== true || /[*?[]/.test(path));
}

describe.skipIf(!needsRoot('contenthash.json on disk'))(`contenthash.json, ${vectors.count} trees, on disk`, () => {
  test.each(vectors.cases.map((item, number) => ({ ...item, number })))('$name', async (item) => {
    const root = `${dir}/${item.number}`;
    mkdirSync(root);
    chmodSync(root, 0o755);
    const own = item.input.entries.filter((entry) => vectorPath(entry) === '.');
    built.push(await buildTree(root, item.input.entries));
    for (const entry of own) chmodSync(root, Number.parseInt(entry.mode, 8));
    const scanned = await hashTree(root, { origin: 'scan' });
    expect(scanned.digest).toBe(wholeTree(item.expect.scan) ?? scanned.digest);
    expect(scanned.incomplete).toEqual([]);
    const wanted = wholeTree(item.expect.localSync);
    for (const options of [{}, { cacheDir }, { cacheDir }]) {
      const synced = await hashTree(root, options);
      if (wanted !== undefined) expect(synced.digest).toBe(wanted);
    }
  });

  test.each(vectors.cases.map((item, number) => ({ ...item, number })))('what is selected of $name', async (item) => {
    const root = `${dir}/${item.number}`;
    const context = await openContext(root, { statCache: cacheDir });
    for (const { path, opts, digest } of (item.expect.localSync ?? []).filter(isAskedByBuilds)) {
      const selection = {
        path: path!,
        wildcard: opts.wildcard === true,
        followLinks: opts.followLinks === true,
        include: opts.includePatterns ?? [],
        exclude: opts.excludePatterns ?? [],
        required: opts.requiredPaths ?? [],
      };
      const about = JSON.stringify(selection);
      const taken = await context.digest([selection]).catch((error: unknown) => {
        if (!isCtxsrcError(error)) throw error;
        return error.code;
      });
      // The digest of nothing, where a step would find nothing and fail.
      if (digest === sha256('') && taken === 'E_PATH_NOT_FOUND') missing.push(path!);
      else if (digest === undefined) expect(taken, about).toMatch(/^E_(PATH_NOT_FOUND|PATTERN|UNSAFE)$/);
      else expect(taken, about).toBe(sha256(digest));
      checked += 1;
    }
  });

  test('most selections can be asked by builds, and one leads nowhere', () => {
    expect(checked).toBeGreaterThan(170);
    expect(missing).toEqual(['/missing']);
  });

  test('every tree but the one that BuildKit cannot send has its digest', () => {
    expect(vectors.cases.filter((item) => wholeTree(item.expect.localSync) === undefined)).toHaveLength(1);
    expect(vectors.cases.filter((item) => wholeTree(item.expect.scan) === undefined)).toHaveLength(0);
  });
});
