/** What the package exports: deliberate, documented, silent, abortable, usable many times at once. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { packageRoot, run } from './support/cli.ts';
import { directory, layoutRef } from './support/cli-expect.ts';
import { tempDir } from './support/temp.ts';

type Library = typeof import('../src/index.ts');
const load = (name: string): Promise<Record<string, unknown>> =>
  import(pathToFileURL(join(packageRoot, 'dist', `${name}.js`)).href);
const library = (await load('index')) as unknown as Library;

/** Every name that a module exports, those of types included. */
function exportedNames(file: string): string[] {
  const text = readFileSync(join(packageRoot, file), 'utf8').replace(/\/\*[\s\S]*?\*\//g, '');
  const own = [...text.matchAll(/^export (?:async )?(?:function|class|const|interface|type) (\w+)/gm)].map(
    (m) => m[1]!,
  );
  const lists = [...text.matchAll(/^export (?:type )?\{([^}]*)\}/gm)].flatMap((m) => m[1]!.split(','));
  return [...own, ...lists.map((name) => name.trim().replace(/^type /, ''))].filter((name) => name !== '').sort();
}

describe('the exports', () => {
  it('are these and no others', async () => {
    expect(Object.keys(library).sort()).toEqual([
      'CtxsrcError',
      'ERROR_EXITS',
      'VERSION',
      'cacheKey',
      'ioError',
      'isCtxsrcError',
      'isDigest',
      'parseDigest',
      'resolve',
      'snapshot',
    ]);
    expect(Object.keys(await load('conformance')).sort()).toEqual(['RULES', 'runConformance']);
  });

  it('with their types', () => {
    const types = (names: string[]) => names.filter((name) => !(name in library) && name !== 'RULES');
    expect(types(exportedNames('src/index.ts'))).toEqual([
      'Digest',
      'ErrorCode',
      'Keys',
      'Options',
      'Phase',
      'Progress',
      'ProgressEvent',
      'Resolution',
      'SnapshotOptions',
      'SnapshotResult',
    ]);
    expect(types(exportedNames('src/conformance/kit.ts'))).toEqual([
      'CheckResult',
      'ConformanceReport',
      'Prepared',
      'Subject',
      'runConformance',
    ]);
  });

  it('are all in docs/library.md', () => {
    const page = readFileSync(join(packageRoot, 'docs', 'library.md'), 'utf8');
    const names = [...exportedNames('src/index.ts'), ...exportedNames('src/conformance/kit.ts')];
    expect(names.length).toBeGreaterThan(20);
    expect(names.filter((name) => !page.includes(`\`${name}`))).toEqual([]);
  });
});

describe('the functions', () => {
  const cacheDir = tempDir('library-cache');

  it('answer two callers at once in one process', async () => {
    const [dirA, dirB] = [join(tempDir('library'), 'a'), join(tempDir('library'), 'b')];
    const options = { cacheDir, attributes: { platform: 'linux/amd64' } };
    const [a, b, keys, resolution] = await Promise.all([
      library.snapshot(layoutRef('hello'), dirA, options),
      library.snapshot(layoutRef('hello'), dirB, { ...options, cacheDir: tempDir('library-cache') }),
      library.cacheKey(directory('app'), { cacheDir }),
      library.resolve(layoutRef('hello'), options),
    ]);
    expect([a.status, b.status, a.key]).toEqual(['written', 'written', b.key]);
    expect(keys.keys.map(({ done }) => done)).toEqual([false, true]);
    expect(resolution.pinned).toBe(`${resolution.identifier}@${resolution.digest}`);
    expect((await library.snapshot(layoutRef('hello'), dirA, options)).status).toBe('unchanged');
  });

  it('end with the reason of the signal, and leave nothing', async () => {
    const target = join(tempDir('library'), 'out');
    const reason = new Error('enough');
    const aborted = library.snapshot(layoutRef('hello'), target, { cacheDir, signal: AbortSignal.abort(reason) });
    await expect(aborted).rejects.toBe(reason);
    await expect(library.cacheKey(`${target}-nowhere`, { cacheDir })).rejects.toMatchObject({ exit: 3 });
  });

  it('print nothing and change nothing of the process', async () => {
    const program = `
      const before = JSON.stringify([process.cwd(), process.umask(), process.eventNames(), process.exitCode]);
      const { snapshot, cacheKey } = await import(${JSON.stringify(pathToFileURL(join(packageRoot, 'dist', 'index.js')).href)});
      const cacheDir = ${JSON.stringify(cacheDir)};
      await snapshot(${JSON.stringify(layoutRef('everything'))}, ${JSON.stringify(join(tempDir('library'), 'out'))}, { cacheDir });
      await cacheKey('nope://x', { cacheDir }).catch(() => undefined);
      if (JSON.stringify([process.cwd(), process.umask(), process.eventNames(), process.exitCode]) !== before) throw new Error('changed');
    `;
    const { code, stdout, stderr } = await run(process.execPath, ['--input-type=module', '--eval', program]);
    expect([code, stdout, stderr]).toEqual([0, '', '']);
  });
});
