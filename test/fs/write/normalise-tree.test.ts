import { execFileSync } from 'node:child_process';
import { chmodSync, linkSync, lstatSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { joinTime, textOfTime } from '../../../src/fs/entry/time.ts';
import { settleTree } from '../../../src/fs/write/normalise-tree.ts';
import { tempDir } from '../../support/temp.ts';

const signal = new AbortController().signal;

function tree(): string {
  const dir = tempDir('settle');
  mkdirSync(join(dir, 'd'), { mode: 0o700 });
  writeFileSync(join(dir, 'd/x'), 'content');
  chmodSync(join(dir, 'd/x'), 0o700);
  writeFileSync(join(dir, 'a-b'), '');
  linkSync(join(dir, 'd/x'), join(dir, 'z'));
  symlinkSync('d/x', join(dir, 'l'));
  return dir;
}

describe('settleTree', () => {
  it('reports every entry in the order of bytes, directories first', async () => {
    const dir = tree();
    const report = await settleTree(dir, { signal });
    const entries = [...report.entries];
    expect(entries.map(({ path, type, target }) => [path, type, target])).toEqual([
      ['a-b', 'file', undefined],
      ['d', 'dir', undefined],
      ['d/x', 'file', undefined],
      ['l', 'symlink', 'd/x'],
      ['z', 'hardlink', 'd/x'],
    ]);
    expect(entries[2]?.digest).toBe('sha256:ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73');
    expect(joinTime(entries[2]!)).toBe(lstatSync(join(dir, 'd/x'), { bigint: true }).mtimeNs);
    expect(report).toMatchObject({ files: 5, bytes: 7, losses: [], lossCounts: {} });
    expect([...report.entries]).toEqual(entries);
  });

  it('sets modes and times, those of directories after what is in them', async () => {
    const dir = tree();
    const report = await settleTree(dir, {
      signal,
      mtime: 1_700_000_000,
      modeOf: (type, mode) => (type === 'dir' ? 0o755 : mode & 0o744),
    });
    for (const path of ['', 'd', 'd/x', 'l', 'z', 'a-b'])
      expect(lstatSync(join(dir, path)).mtimeMs).toBe(1_700_000_000_000);
    expect([...report.entries].map(({ mode }) => mode.toString(8))).toEqual(['644', '755', '700', '777', '700']);
    expect(lstatSync(join(dir, 'd')).mode & 0o777).toBe(0o755);
  });

  it('sets times before 1970', async () => {
    const dir = tree();
    const report = await settleTree(dir, { signal, mtime: -5 });
    expect([...report.entries].map(textOfTime)).toEqual(Array(5).fill('-5000000000'));
    for (const path of ['', 'd/x', 'l']) expect(lstatSync(join(dir, path)).mtimeMs).toBe(-5000);
  });

  it('clamps later times only', async () => {
    const dir = tree();
    utimesSync(join(dir, 'a-b'), 5, 5);
    const report = await settleTree(dir, { signal, epoch: 10 });
    expect([...report.entries].map((time) => Number(textOfTime(time)) / 1e9)).toEqual([5, 10, 10, 10, 10]);
  });

  it('follows no link, takes nothing special, and stops when told to', async () => {
    const dir = tree();
    symlinkSync(tempDir('elsewhere'), join(dir, 'out'));
    expect([...(await settleTree(dir, { signal })).entries].find(({ path }) => path === 'out')?.type).toBe('symlink');
    execFileSync('mkfifo', [join(dir, 'pipe')]);
    await expect(settleTree(dir, { signal })).rejects.toMatchObject({ code: 'E_UNSAFE' });
    await expect(settleTree(join(dir, 'd'), { signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
    await expect(settleTree(join(dir, 'none'), { signal })).rejects.toMatchObject({ code: 'E_IO' });
  });
});
