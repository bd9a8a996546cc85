/** One repository, checked out by two people in two places: one key. Each single change: another, and `diff` names it. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { cliHome, ctxsrc } from '../support/cli.ts';
import { commit, initBare } from '../support/git-repository.ts';
import { needs } from '../support/needs.ts';
import { tempDir } from '../support/temp.ts';

const isRoot = process.getuid?.() === 0;
const OTHER_USER = 65534;

interface Checkout {
  readonly path: string;
  readonly umask: string;
  readonly uid?: number | undefined;
  readonly env: Readonly<Record<string, string>>;
}

let bare: string;

function clone({ path, umask, uid, env }: Checkout): void {
  // The repository may belong to another user; nothing else is configured.
  const script = `umask ${umask} && git clone -q "$1" "$2"`;
  const config = join(bare, '..', 'gitconfig');
  writeFileSync(config, '[safe]\n\tdirectory = *\n');
  const dir = join(path, '..');
  mkdirSync(dir, { recursive: true });
  chmodSync(dir, 0o777);
  execFileSync('sh', ['-c', script, 'sh', `file://${bare}`, path], {
    ...(uid === undefined ? {} : { uid, gid: uid }),
    env: { PATH: process.env.PATH, GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: config, HOME: dir, ...env },
    stdio: 'pipe',
  });
}

/** Other times on everything. */
function touch(dir: string): void {
  for (const entry of readdirSync(dir, { withFileTypes: true, recursive: true })) {
    lutimesSync(join(entry.parentPath, entry.name), 1_000_000_000, 1_000_000_000);
  }
}

async function keyOf(checkout: Checkout, ...flags: string[]): Promise<string> {
  const { uid, env, path } = checkout;
  const home = cliHome(uid);
  const result = await ctxsrc(['key', '.', '--exclude', '.git', ...flags], { cwd: path, uid, env, home });
  expect(result.code, result.stderr).toBe(0);
  return result.stdout.trim();
}

/** The rows of what `diff` prints: a letter, a name, and what changed. */
const rowsOf = (text: string): string[] => text.split('\n').filter((row) => /^ \S /.test(row));

describe.skipIf(!needs('git'))('checkouts of one commit', () => {
  let mine: Checkout;
  let theirs: Checkout;
  let loose: Checkout;

  beforeAll(() => {
    const top = tempDir('checkout');
    bare = join(top, 'repository.git');
    initBare(bare);
    commit(bare, 'refs/heads/main', {
      '.dockerignore': 'logs\n*.tmp\n',
      'README.md': '# app\n',
      'bin/start': { mode: '100755', data: '#!/bin/sh\n' },
      current: { mode: '120000', data: 'src/v1' },
      'logs/today.log': 'x\n',
      'src/v1/größe.txt': 'ä\n',
      'src/v1/main.js': 'main()\n',
      'src/v2/main.js': 'main2()\n',
    });
    const other = isRoot ? OTHER_USER : undefined;
    mine = { path: join(top, 'mine', 'work', 'app'), umask: '022', env: { TZ: 'Asia/Tokyo', LC_ALL: 'C' } };
    const env = { TZ: 'America/New_York', LC_ALL: 'de_DE.UTF-8', LANG: 'tr_TR.UTF-8' };
    theirs = { path: join(top, 'theirs', 'app with blanks'), umask: '022', uid: other, env };
    loose = { ...theirs, path: join(top, 'loose', 'app'), umask: '002' };
    for (const checkout of [mine, theirs, loose]) clone(checkout);
    touch(theirs.path);
  });

  it('have one key: two users, time zones, locales, directories and times', async () => {
    const [a, b] = await Promise.all([keyOf(mine), keyOf(theirs)]);
    expect(a).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(b).toBe(a);
  });

  it('have one key under two umasks with --modes exec only, and diff says why', async () => {
    const [a, b] = await Promise.all([keyOf(mine), keyOf(loose)]);
    expect(b).not.toBe(a);
    const exec = await Promise.all([keyOf(mine, '--modes', 'exec'), keyOf(loose, '--modes', 'exec')]);
    expect(exec[1]).toBe(exec[0]);
    const result = await ctxsrc(['diff', mine.path, loose.path, '--exclude', '.git']);
    expect(result.code).toBe(0);
    expect(rowsOf(result.stdout).length).toBeGreaterThan(0);
    expect(rowsOf(result.stdout).filter((row) => !/^ m .* mode \d{4} → \d{4}$/.test(row))).toEqual([]);
    expect(result.stdout.split('\n', 1)[0]).toMatch(/only group-write differs: umask\? try --modes exec$/);
  });

  it.each<[string, (dir: string) => void, RegExp]>([
    [
      'content with size and mtime kept',
      (dir) => {
        const path = join(dir, 'src/v1/main.js');
        const { atime, mtime } = statSync(path);
        writeFileSync(path, 'niam()\n');
        utimesSync(path, atime, mtime);
      },
      /^ M src\/v1\/main\.js +other bytes, same size$/,
    ],
    ['mode', (dir) => chmodSync(join(dir, 'bin/start'), 0o644), /^ m bin\/start +mode 0755 → 0644$/],
    [
      'symlink target',
      (dir) => {
        rmSync(join(dir, 'current'));
        symlinkSync('src/v2', join(dir, 'current'));
      },
      /^ M current +link src\/v1 → src\/v2$/,
    ],
    ['an added empty directory', (dir) => mkdirSync(join(dir, 'src/v3'), 0o755), /^ A src\/v3/],
    [
      'an ignore line that removes something',
      (dir) => {
        const path = join(dir, '..', 'ignore');
        writeFileSync(path, 'logs\n*.tmp\n.git\nsrc/v1/*.txt\n');
      },
      /größe/,
    ],
  ])('have another key after a change of %s, and diff names it and nothing else', async (what, change, line) => {
    const dir = join(tempDir('changed'), 'app');
    cpSync(mine.path, dir, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
    const ignore = what.includes('ignore');
    const changed = { ...mine, path: dir };
    const before = await keyOf(changed);
    change(dir);
    const flags = ignore ? ['--ignore-file', '../ignore'] : [];
    expect(await keyOf(changed, ...flags)).not.toBe(before);
    if (ignore) {
      // The same line in the directory's own file, which this context sends too.
      writeFileSync(join(dir, '.dockerignore'), 'logs\n*.tmp\n.git\nsrc/v1/*.txt\n');
    }
    const result = await ctxsrc(['diff', mine.path, dir, '--exclude', '.git', '--exit-code']);
    expect(result.code, result.stderr).toBe(6);
    const rows = rowsOf(result.stdout).filter((row) => !ignore || !/^ M \.dockerignore /.test(row));
    expect(rows, result.stdout).toEqual([expect.stringMatching(line)]);
  });
});
