/** A directory of many files, through the built program. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { cliHome, ctxsrc } from './cli.ts';
import { DIGEST } from './cli-expect.ts';
import { tempDir } from './temp.ts';

/** Its key is the same with and without the stat cache and of a snapshot, and another after one byte in one file. */
export async function keyOfManyFiles(files: number): Promise<void> {
  const root = join(tempDir('many'), 'many');
  const directories = files / 200;
  for (let d = 0; d < directories; d++) {
    const dir = join(root, `d${d % 20}`, `e${d}`);
    mkdirSync(dir, { recursive: true });
    for (let f = 0; f < 200; f++) writeFileSync(join(dir, `f${f}`), `${d} ${f}`);
  }
  const home = cliHome();
  const key = await stdoutOf(['key', root], home);
  expect(key).toMatch(DIGEST);
  expect(await stdoutOf(['key', root], home)).toBe(key);
  expect(await stdoutOf(['key', root, '--no-stat-cache'], cliHome())).toBe(key);
  writeFileSync(join(root, 'd7', 'e7', 'f7'), '7 8');
  expect(await stdoutOf(['key', root], home)).not.toBe(key);
  writeFileSync(join(root, 'd7', 'e7', 'f7'), '7 7');
  const target = join(tempDir('target'), 'out');
  expect(await stdoutOf(['snapshot', root, target], home)).toBe(key);
  expect(await stdoutOf(['key', target, '--no-ignore-file'], home)).toBe(key);
}

async function stdoutOf(args: readonly string[], home: string): Promise<string> {
  const { code, stdout, stderr } = await ctxsrc(args, { home });
  expect(code, stderr).toBe(0);
  return stdout;
}
