import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Source } from '../../src/contract/index.ts';
import { silentProgress } from '../../src/core/progress.ts';
import { openEnvironment } from '../../src/source/environment.ts';
import { parseReference } from '../../src/source/parse.ts';
import { ctxsrc, packageRoot, run } from '../support/cli.ts';
import { failureCode } from '../support/failure-code.ts';
import { needs } from '../support/needs.ts';
import { tempDir } from '../support/temp.ts';
import { codeBlocks, shownFile } from './pages.ts';

const PAGE = 'docs/sources.md';
const diff = codeBlocks(PAGE).find(({ language }) => language === 'diff')!.text;

/** A file that another program writes to between its key and its snapshot. */
async function snapshotOfAChangedFile(source: Source): Promise<{ failure: string; left: string[] }> {
  const dir = tempDir('changed');
  const path = join(dir, 'data.csv');
  writeFileSync(path, 'a,b\n');
  const { env, session, close } = await openEnvironment({ cacheDir: join(dir, 'cache'), progress: silentProgress });
  const job = { session, signal: new AbortController().signal, progress: silentProgress };
  const instance = source.resolve(source.identify(parseReference(`one-file://${path}`), {}), env);
  await instance.cacheKey(job, 0);
  writeFileSync(path, 'a,c\n');
  const failure = await failureCode(instance.snapshot(job));
  const left = ['tmp', 'snapshots'].flatMap((folder) => {
    const path = join(dir, 'cache', folder);
    return existsSync(path) ? readdirSync(path) : [];
  });
  await close();
  return { failure, left };
}

describe('docs/sources.md: the example', () => {
  it('writes what its key names, or fails and leaves nothing', async () => {
    const dir = tempDir('example');
    mkdirSync(join(dir, 'node_modules'));
    symlinkSync(packageRoot, join(dir, 'node_modules', 'ctxsrc'));
    writeFileSync(join(dir, 'one-file.mjs'), shownFile(PAGE, 'one-file.mjs'));
    const { source } = (await import(join(dir, 'one-file.mjs'))) as { source: Source };
    expect(await snapshotOfAChangedFile(source)).toEqual({ failure: 'E_IO', left: [] });
  });
});

describe('docs/sources.md: a source as a built-in one', () => {
  it('is one new file and one line of the table', () => {
    const files = [...diff.matchAll(/^\+\+\+ b\/(.*)$/gm)].map((match) => match[1]);
    expect(files).toEqual(['src/source/one-file.ts', 'src/source/table.ts']);
    const table = diff.slice(diff.indexOf('+++ b/src/source/table.ts')).split('\n').slice(1);
    expect(table.filter((line) => /^[+-]/.test(line))).toEqual([
      "+  { schemes: ['one-file'], load: () => import('./one-file.ts') },",
    ]);
  });

  it.skipIf(!needs('git'))('works when the diff is applied to the sources, with the key of the module', async () => {
    const clone = tempDir('built-in');
    for (const name of ['src', 'bin', '.ci', 'package.json']) {
      cpSync(join(packageRoot, name), join(clone, name), { recursive: true });
    }
    symlinkSync(join(packageRoot, 'node_modules'), join(clone, 'node_modules'));
    execFileSync('git', ['apply', '--whitespace=nowarn', '-'], { cwd: clone, input: diff });
    execFileSync(process.execPath, ['.ci/build.mjs', '--no-types'], { cwd: clone, stdio: 'inherit' });

    const built = (await import(join(clone, 'src', 'source', 'one-file.ts'))) as { source: Source };
    expect(await snapshotOfAChangedFile(built.source)).toEqual({ failure: 'E_IO', left: [] });

    const work = tempDir('built-in-work');
    writeFileSync(join(work, 'data.csv'), 'a,b\n');
    const inside = (...args: string[]) =>
      run(process.execPath, [join(clone, 'bin', 'ctxsrc.js'), ...args], { cwd: work });
    const cache = ['--cache-dir', join(work, 'cache')];
    const snapshot = await inside('snapshot', '--quiet', ...cache, 'one-file://data.csv', 'out');
    expect([snapshot.code, snapshot.stderr]).toEqual([0, '']);
    expect(readFileSync(join(work, 'out', 'data.csv'), 'utf8')).toBe('a,b\n');
    expect((await inside('sources')).stdout).toContain('one-file://PATH');

    mkdirSync(join(work, 'node_modules'));
    symlinkSync(packageRoot, join(work, 'node_modules', 'ctxsrc'));
    writeFileSync(join(work, 'one-file.mjs'), shownFile(PAGE, 'one-file.mjs'));
    const outside = await ctxsrc(['key', '--source', './one-file.mjs', 'one-file://data.csv'], { cwd: work });
    expect(outside.stdout).toBe(snapshot.stdout);
  });
});
