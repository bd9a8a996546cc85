/** `dist/ctxsrc.mjs` alone, copied to an empty folder: no package beside it, no native package. */
import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cliEnv, cliHome, ctxsrc, packageRoot, run } from './support/cli.ts';
import { directory, layoutRef } from './support/cli-expect.ts';
import { tempDir } from './support/temp.ts';

const work = tempDir('single-file');
const file = join(work, 'ctxsrc.mjs');
copyFileSync(join(packageRoot, 'dist', 'ctxsrc.mjs'), file);
const alone = (...args: string[]) => run(process.execPath, [file, ...args], { cwd: work, env: cliEnv(cliHome()) });

describe('the single-file bundle', () => {
  it('gives the keys that the package gives', async () => {
    const references = [layoutRef('everything'), directory('app')];
    const { code, stdout } = await alone('key', ...references);
    expect(code).toBe(0);
    expect(stdout).toBe((await ctxsrc(['key', ...references])).stdout);
    expect(stdout.trim().split('\n')).toHaveLength(2);
  });

  it('writes and verifies a snapshot: its threads are in it', async () => {
    const key = await alone('key', layoutRef('hello'));
    const snapshot = await alone('snapshot', '--quiet', layoutRef('hello'), 'out');
    expect([snapshot.code, snapshot.stdout]).toEqual([0, key.stdout]);
    expect(readFileSync(join(work, 'out', 'etc', 'motd'), 'utf8')).not.toBe('');
    expect(await alone('verify', 'out')).toMatchObject({ code: 0, stdout: key.stdout });
  });

  it('says its version and fails as the package does', async () => {
    expect((await alone('--version')).stdout).toBe((await ctxsrc(['--version'])).stdout);
    const failed = await alone('key', 'nope://x');
    expect([failed.code, failed.stdout]).toEqual([2, '']);
  });
});
