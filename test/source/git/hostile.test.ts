/** Repositories that want to do harm, and an environment that wants to interfere. */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failureText } from '../../support/failure-code.ts';
import { blob, git } from '../../support/git-repository.ts';
import { needs } from '../../support/needs.ts';
import { WRITE_OPTIONS, writeSnapshot } from '../../support/source-env.ts';
import { tempDir } from '../../support/temp.ts';
import { listTree } from '../../support/tree.ts';
import { openGit, paths, ServedRepositories } from './served-repositories.ts';

describe.skipIf(!needs('git'))('git source against hostile repositories', () => {
  let served: ServedRepositories;

  beforeAll(async () => {
    served = await ServedRepositories.start();
  });
  afterAll(() => served.close());

  it.each<[string, (dir: string) => { mode: string; name: string; id: string }[]]>([
    ['.git', (dir) => [{ mode: '100644', name: '.git', id: blob(dir, 'x') }]],
    ['.GIT', (dir) => [{ mode: '100644', name: '.GIT', id: blob(dir, 'x') }]],
    ['..', (dir) => [{ mode: '100644', name: '..', id: blob(dir, 'x') }]],
    ['a name with a slash', (dir) => [{ mode: '100644', name: '../x', id: blob(dir, 'x') }]],
    [
      'a file twice',
      (dir) => [
        { mode: '100644', name: 'a', id: blob(dir, 'x') },
        { mode: '100644', name: 'a', id: blob(dir, 'y') },
      ],
    ],
    [
      'a link and a directory of the same name',
      (dir) => {
        const tree = git(dir, ['mktree'], `100644 blob ${blob(dir, 'x')}\tf\n`);
        return [
          { mode: '120000', name: 'a', id: blob(dir, '/tmp') },
          { mode: '40000', name: 'a', id: tree },
        ];
      },
    ],
  ])('refuses %s', async (_what, entries) => {
    const instance = await openGit(served.raw(entries));
    const outside = paths(served.root);
    expect(await failureText(writeSnapshot(instance))).toMatch(/^E_(UNSAFE|ARCHIVE_INVALID|NETWORK) /);
    expect(paths(served.root)).toEqual(outside);
  });

  it('runs no hook, filter or program that a repository names', async () => {
    const mark = join(tempDir('mark'), 'ran');
    const { dir, url } = served.repository({
      '.gitattributes': '*.txt filter=evil diff=evil merge=evil\n*.bin filter=lfs\n',
      'a.txt': 'text\n',
      'b.bin': 'version https://git-lfs.github.com/spec/v1\n',
      '.gitconfig': `[filter "evil"]\n\tsmudge = touch ${mark}\n`,
      '.lfsconfig': '[lfs]\n\turl = http://127.0.0.1:1\n',
    });
    mkdirSync(join(dir, 'hooks'), { recursive: true });
    for (const hook of ['post-checkout', 'post-merge', 'reference-transaction', 'post-index-change']) {
      writeFileSync(join(dir, 'hooks', hook), `#!/bin/sh\ntouch ${mark}\n`);
      chmodSync(join(dir, 'hooks', hook), 0o755);
    }
    const { dir: out } = await writeSnapshot(await openGit(url, { 'keep-git-dir': true }));
    expect(readFileSync(join(out, 'a.txt'), 'utf8')).toBe('text\n');
    expect(readFileSync(join(out, 'b.bin'), 'utf8')).toContain('git-lfs');
    await writeSnapshot(await openGit(`file://${dir}`));
    expect(existsSync(mark)).toBe(false);
  });

  it('follows no link of the repository when it writes', async () => {
    const outside = tempDir('outside');
    const { url } = served.repository({
      link: { mode: '120000', data: outside },
      'sub/up': { mode: '120000', data: '../../..' },
      'sub/f': 'x',
    });
    const { dir } = await writeSnapshot(await openGit(url));
    expect(listTree(dir).map(({ path, target }) => [path, target])).toEqual([
      ['link', outside],
      ['sub', undefined],
      ['sub/f', undefined],
      ['sub/up', '../../..'],
    ]);
    expect(readdirSync(outside)).toEqual([]);
    expect(await failureText(writeSnapshot(await openGit(`${url}#main:link`)))).toMatch(/^E_PATH_NOT_FOUND/);
  });

  it('does not depend on the umask or on the configuration of whoever runs it', async () => {
    const { url } = served.repository({ f: 'x', 'd/x': { mode: '100755', data: '#!' } });
    const home = tempDir('home');
    writeFileSync(
      join(home, '.gitconfig'),
      '[core]\n\tautocrlf = true\n[url "http://127.0.0.1:1/"]\n\tinsteadOf = http://\n[init]\n\ttemplateDir = /nonexistent\n',
    );
    const before = {
      HOME: process.env.HOME,
      GIT_DIR: process.env.GIT_DIR,
      GIT_CONFIG_COUNT: process.env.GIT_CONFIG_COUNT,
    };
    process.env.HOME = home;
    process.env.GIT_DIR = '/nonexistent';
    process.env.GIT_CONFIG_COUNT = 'broken';
    try {
      const { dir } = await writeSnapshot(await openGit(url));
      for (const entry of listTree(dir)) expect(entry.mode).toBe(entry.path === 'f' ? '0644' : '0755');
    } finally {
      for (const [name, value] of Object.entries(before)) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
    }
  });

  it('counts limits over submodules too', async () => {
    const { url } = served.repository({ a: 'x', b: 'y' });
    expect(
      await failureText(writeSnapshot(await openGit(url), { limits: { ...WRITE_OPTIONS.limits, maxFiles: 1 } })),
    ).toMatch(/^E_LIMIT/);
  });
});
