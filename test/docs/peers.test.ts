/** docs/peers.md claims words of ctxsrc: each of them is one, and does what stands beside it without an error. */
import { cpSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ctxsrc, packageRoot } from '../support/cli.ts';
import { tempDir } from '../support/temp.ts';

const page = readFileSync(join(packageRoot, 'docs', 'peers.md'), 'utf8');
const rows = page.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| to '));

describe('docs/peers.md', () => {
  it('has commands that run', { timeout: 120_000 }, async () => {
    const dir = tempDir('peers');
    cpSync(join(packageRoot, 'fixtures'), dir, { recursive: true, verbatimSymlinks: true });
    const values: Record<string, string> = {
      IMAGE: 'oci-layout://layouts/hello',
      'base=IMAGE': 'base=oci-layout://layouts/hello',
      OTHER: 'oci-layout://layouts/everything:amd64',
      PATH: 'etc/motd',
      REF: './dirs/app',
      BUILD: './dirs/app',
      DIR: './rootfs',
      DESTINATION: 'oci-layout://./copied:latest',
      REGISTRY: 'docker.io',
    };
    const commands = [...page.matchAll(/`ctxsrc ([^`]+)`/g)].map(([, text]) => text!);
    expect(commands.length).toBeGreaterThan(20);
    for (const command of commands) {
      const args = command.split(' ').map((word) => values[word] ?? word.replace(/FILE$/, `${command.length}.out`));
      const builds = command.endsWith(' BUILD') ? ['--build-context', 'alpine:3.20=oci-layout://layouts/hello'] : [];
      const ran = await ctxsrc([...args, ...builds], { cwd: dir });
      expect(ran.code, `ctxsrc ${command}: ${ran.stderr}`).toBe(0);
    }
    for (const made of ['rootfs/etc/motd', 'copied/index.json', 'ctxsrc.lock'])
      expect(existsSync(join(dir, made))).toBe(true);
  });

  it('has a word or a dash in each cell', () => {
    const cells = rows.filter((line) => !line.startsWith('|---')).map((line) => line.split(/(?<!\\)\|/).slice(1, -1));
    expect(cells.length).toBeGreaterThan(25);
    for (const row of cells) {
      expect(row, row.join('|')).toHaveLength(3);
      for (const cell of row) expect(cell.trim()).not.toBe('');
    }
  });
});
