/** The library bundled with a program, by the commands that docs/library.md prints. */
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot, run } from './support/cli.ts';
import { directory, layoutRef } from './support/cli-expect.ts';
import { tempDir } from './support/temp.ts';

const page = readFileSync(join(packageRoot, 'docs', 'library.md'), 'utf8');
const recipes = [...page.matchAll(/```sh\n((?:esbuild|rolldown) [\s\S]*?)```/g)].map(([, text]) => text!);

const PROGRAM = `
import { cacheKey, snapshot } from 'ctxsrc';
const [layout, directory, cacheDir, target] = process.argv.slice(2);
const fail = (error) => ({ code: error.code, hint: error.hint });
const key = (await cacheKey(directory, { cacheDir })).key;
const network = { retry: 0, plainHttp: ['127.0.0.1:1'] };
const asked = await cacheKey('docker-image://127.0.0.1:1/x', { cacheDir, network }).catch(fail);
const written = await snapshot(layout, target, { cacheDir, write: { owner: 'current' } }).catch(fail);
console.log(JSON.stringify({ key, asked, written }));
`;

interface Answer {
  readonly key: string;
  readonly asked: { readonly code: string };
  readonly written: { readonly code?: string; readonly hint?: string; readonly status?: string };
}

it('has a recipe for each bundler', () => {
  expect(recipes.map((text) => text.split(' ')[0])).toEqual(['esbuild', 'rolldown']);
});

describe.each(recipes)('%s', (recipe) => {
  const [bundle, copy] = recipe.trim().split('\n') as [string, string];
  const cwd = tempDir('bundle');
  writeFileSync(join(cwd, 'app.mjs'), PROGRAM);
  mkdirSync(join(cwd, 'node_modules'));
  symlinkSync(packageRoot, join(cwd, 'node_modules', 'ctxsrc'));
  const shell = async (command: string) => {
    const PATH = `${join(packageRoot, 'node_modules', '.bin')}:${process.env.PATH}`;
    const { code, stderr } = await run('sh', ['-ec', command], { cwd, env: { ...process.env, PATH } as never });
    expect(code, stderr).toBe(0);
  };
  const answer = async (): Promise<Answer> => {
    const out = join(cwd, 'out');
    const app = join(out, readdirSync(out).find((name) => name.startsWith('app.'))!);
    const target = join(tempDir('target'), 'out');
    const args = [app, layoutRef('hello'), directory('app'), tempDir('cache'), target];
    // Elsewhere, so that nothing is found in node_modules.
    const { code, stdout, stderr } = await run(process.execPath, args, { cwd: tempDir('elsewhere') });
    expect([code, stderr]).toEqual([0, '']);
    return JSON.parse(stdout) as Answer;
  };

  it('fails in an orderly way without the threads, and works with them', async () => {
    await shell(bundle);
    const without = await answer();
    expect(without.written).toMatchObject({ code: 'E_IO', hint: expect.stringContaining('docs/library.md') as string });
    await shell(copy);
    const whole = await answer();
    expect(whole.written).toMatchObject({ status: 'written' });
    expect(whole.key).toBe(without.key);
    expect([without.asked.code, whole.asked.code]).toEqual(['E_NETWORK', 'E_NETWORK']);
  });
});

it('the threads are whole: they load nothing but modules of Node', () => {
  const workers = readdirSync(join(packageRoot, 'dist')).filter((name) => name.startsWith('worker-'));
  expect(workers.length).toBeGreaterThan(2);
  for (const name of workers) {
    const text = readFileSync(join(packageRoot, 'dist', name), 'utf8');
    const loaded = [...text.matchAll(/\b(?:require|import)\(["'`]([^"'`]+)["'`]\)/g)].map(([, module]) => module!);
    expect(loaded.filter((module) => !module.startsWith('node:'))).toEqual([]);
  }
});
