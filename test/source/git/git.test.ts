import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CtxsrcError } from '../../../src/core/errors.ts';
import type { ProgressEvent } from '../../../src/core/progress.ts';
import { textOfBytes } from '../../../src/fs/byte-string.ts';
import { source } from '../../../src/source/git/source.ts';
import { failureCode } from '../../support/failure-code.ts';
import { type GitServer, serveGit } from '../../support/git-http.ts';
import { commit, git, initBare } from '../../support/git-repository.ts';
import { needs } from '../../support/needs.ts';
import { newJob, newStore, WRITE_OPTIONS, writeSnapshot as write } from '../../support/source-env.ts';
import { tempDir } from '../../support/temp.ts';
import { listTree } from '../../support/tree.ts';
import { openGit, paths } from './served-repositories.ts';

describe.skipIf(!needs('git'))('git source', () => {
  let root: string;
  let server: GitServer;
  let first: string;
  let second: string;
  let tag: string;
  let url: string;

  beforeAll(async () => {
    root = tempDir('git');
    const repo = join(root, 'repo.git');
    initBare(repo);
    first = commit(repo, 'refs/heads/main', {
      'README.md': 'one\n',
      'bin/run': { mode: '100755', data: '#!/bin/sh\n' },
      'sub/dir/file': 'deep\n',
      'sub/link': { mode: '120000', data: '../README.md' },
      'naïve name': 'ü\n',
    });
    git(repo, ['config', 'uploadpack.allowFilter', 'true']);
    second = commit(repo, 'refs/heads/main', { 'README.md': 'two\n', 'sub/dir/file': 'deep\n', 'sub/x': 'x\n' });
    git(repo, ['tag', '-a', '-m', 'v1', 'v1', first]);
    tag = git(repo, ['rev-parse', 'v1']);
    server = await serveGit(root);
    url = `${server.origin}/repo.git`;
  });
  afterAll(() => server.close());

  it('answers key, pin and pinned form', async () => {
    const main = await openGit(url);
    expect(await main.cacheKey(newJob(), 0)).toMatchObject({ key: second, pin: second, done: true });
    const tagged = await openGit(`${url}#v1:sub`, { mtime: 'commit' });
    expect(await tagged.cacheKey(newJob(), 0)).toMatchObject({ key: `${first}:sub(mtime=commit)`, pin: tag });
    expect(await tagged.digests?.(newJob())).toEqual({ digest: tag, pinned: `${url}#${tag}:sub` });
  });

  it('needs no network for a whole commit ID', async () => {
    const before = server.requests.length;
    expect((await (await openGit(`${url}#${first}`, {}, undefined, { offline: true })).cacheKey(newJob(), 0)).key).toBe(
      first,
    );
    expect(server.requests).toHaveLength(before);
    expect(await failureCode((await openGit(url, {}, undefined, { offline: true })).cacheKey(newJob(), 0))).toBe(
      'E_OFFLINE',
    );
  });

  it.each(['http', 'file'])('writes the files of a commit over %s', async (transport) => {
    const remote = transport === 'http' ? url : `file://${root}/repo.git`;
    const { dir, report } = await write(await openGit(`${remote}#${first}`));
    const tree = listTree(dir, { omit: ['mtime', 'uid', 'gid', 'sha256'] });
    expect(tree).toEqual([
      { path: 'README.md', type: 'file', mode: '0644', size: 4 },
      { path: 'bin', type: 'dir', mode: '0755' },
      { path: 'bin/run', type: 'file', mode: '0755', size: 10 },
      { path: Buffer.from('naïve name').toString('latin1'), type: 'file', mode: '0644', size: 3 },
      { path: 'sub', type: 'dir', mode: '0755' },
      { path: 'sub/dir', type: 'dir', mode: '0755' },
      { path: 'sub/dir/file', type: 'file', mode: '0644', size: 5 },
      { path: 'sub/link', type: 'symlink', mode: '0777', target: '../README.md' },
    ]);
    expect([...report.entries].map((entry) => textOfBytes(entry.path))).toEqual([
      'README.md',
      'bin',
      'bin/run',
      'naïve name',
      'sub',
      'sub/dir',
      'sub/dir/file',
      'sub/link',
    ]);
    expect(report).toMatchObject({ files: 8, bytes: 22, losses: [] });
  });

  it('peels a tag, and fetches only a subdirectory', async () => {
    const store = await newStore();
    const { dir } = await write(await openGit(`${url}#v1:sub`, {}, store));
    expect(paths(dir)).toEqual(['dir', 'dir/file', 'link']);
    const partial = join(store.root, 'workspaces');
    const name = `${readdirSync(partial)[0]}/work`;
    const objects = git(join(partial, name), ['rev-list', '--objects', '--missing=print', first]).split('\n');
    expect(objects.filter((line) => line.startsWith('?')).length).toBe(3);
  });

  it('uses what it fetched before, offline too', async () => {
    const store = await newStore();
    await write(await openGit(`${url}#${first}`, {}, store));
    const before = server.requests.length;
    const { dir } = await write(await openGit(`${url}#${first}`, {}, store, { offline: true }));
    expect(readFileSync(join(dir, 'README.md'), 'utf8')).toBe('one\n');
    expect(server.requests).toHaveLength(before);
    expect(await failureCode(write(await openGit(`${url}#${second}`, {}, store, { offline: true })))).toBe('E_OFFLINE');
  });

  it('counts what it fetches and writes, and tells of what Git LFS keeps elsewhere', async () => {
    const repo = join(root, 'lfs.git');
    initBare(repo);
    const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${'a'.repeat(64)}\nsize 12345\n`;
    // As long as a pointer is, and leading nowhere: a link is not followed to look.
    const link = { mode: '120000', data: `${'n/'.repeat(65)}nowhere` } as const;
    const others = { link, small: 'x'.repeat(130) };
    commit(repo, 'refs/heads/main', { 'd/big.bin': pointer, 'd/also.bin': pointer, ...others });
    const events: ProgressEvent[] = [];
    const job = newJob({ progress: { emit: (event) => void events.push(event) } });
    await write(await openGit(`${server.origin}/lfs.git`), {}, job);
    expect(events.filter((event) => event.type === 'message')).toEqual([
      {
        type: 'message',
        level: 'note',
        text: expect.stringMatching(/^d\/also\.bin and 1 more: a Git LFS pointer/),
        hint: expect.stringContaining('git lfs'),
      },
    ]);
    const starts = events.filter((event) => event.type === 'start');
    const lastOf = (phase: string) => {
      const { id } = starts.find((event) => event.phase === phase)!;
      return events.filter((event) => event.type === 'advance' && event.id === id).at(-1);
    };
    expect(starts.map(({ phase, unit }) => [phase, unit])).toEqual([
      ['download', 'bytes'],
      ['unpack', 'files'],
    ]);
    expect(lastOf('unpack')).toMatchObject({ done: 4, total: 4 });
    expect(lastOf('download')).toMatchObject({ done: expect.any(Number) });
    const inDirectory = newJob({ progress: { emit: (event) => void events.push(event) } });
    await write(await openGit(`${server.origin}/lfs.git#main:d`), {}, inDirectory);
    const notes = events.filter((event) => event.type === 'message');
    expect(notes.at(-1)).toMatchObject({ text: expect.stringMatching(/^also\.bin and 1 more/) });
  });

  it('keeps the git directory when asked', async () => {
    const { dir } = await write(await openGit(`${url}#main`, { 'keep-git-dir': true }));
    const gitDir = join(dir, '.git');
    expect(git(gitDir, ['rev-parse', 'HEAD'])).toBe(second);
    expect(git(gitDir, ['rev-parse', 'refs/heads/main'])).toBe(second);
    expect(git(gitDir, ['config', 'remote.origin.url'])).toBe(url);
    expect(git(gitDir, ['--work-tree', dir, 'status', '--porcelain'])).toBe('');
    expect(paths(gitDir).filter((path) => path.startsWith('hooks'))).toEqual([]);
    const plain = await write(await openGit(`${url}#main:sub`, { 'keep-git-dir': true }));
    expect(paths(plain.dir)).toEqual(['dir', 'dir/file', 'x']);
  });

  it('sets times', async () => {
    const { dir } = await write(await openGit(`${url}#main`, { mtime: 'commit' }));
    for (const entry of listTree(dir, { root: true })) expect(entry.mtime).toBe('1700000000000000000');
    const clamped = await write(await openGit(`${url}#main`), { epoch: 1_000_000_000 });
    for (const entry of listTree(clamped.dir, { root: true })) expect(entry.mtime).toBe('1000000000000000000');
  });

  it('fails with what is wrong', async () => {
    expect(await failureCode((await openGit(`${url}#nope`)).cacheKey(newJob(), 0))).toBe('E_NOT_FOUND');
    expect(await failureCode((await openGit(`${server.origin}/none.git`)).cacheKey(newJob(), 0))).toBe('E_NOT_FOUND');
    expect(await failureCode((await openGit(`file://${root}/none.git`)).cacheKey(newJob(), 0))).toBe('E_NOT_FOUND');
    expect(await failureCode(write(await openGit(`${url}#main:none`)))).toBe('E_PATH_NOT_FOUND');
    expect(await failureCode(write(await openGit(`${url}#main:README.md`)))).toBe('E_PATH_NOT_FOUND');
    expect(await failureCode(write(await openGit(`${url}#${'a'.repeat(40)}`)))).toBe('E_NOT_FOUND');
    expect(await failureCode((await openGit(`${url}#main`, { checksum: first })).cacheKey(newJob(), 0))).toBe(
      'E_CHECKSUM_MISMATCH',
    );
    expect(await failureCode((await openGit('http://127.0.0.1:1/x.git')).cacheKey(newJob(), 0))).toBe('E_NETWORK');
    expect(
      await failureCode(write(await openGit(`${url}#main`), { limits: { ...WRITE_OPTIONS.limits, maxFiles: 2 } })),
    ).toBe('E_LIMIT');
    expect(
      await failureCode(write(await openGit(`${url}#main`), { limits: { ...WRITE_OPTIONS.limits, maxBytes: 5 } })),
    ).toBe('E_LIMIT');
  });

  it('tells an empty repository from one without a branch, and a directory from a repository', async () => {
    const said = async (reference: string): Promise<string> =>
      (await openGit(reference)).cacheKey(newJob(), 0).then(
        () => 'no failure',
        (error: CtxsrcError) => `${error.exit} ${error.message} | ${error.hint}`,
      );
    initBare(join(root, 'empty.git'));
    expect(await said(`${server.origin}/empty.git`)).toMatch(/^3 the repository is empty.* \| push a commit/);
    initBare(join(root, 'detached.git'));
    const id = commit(join(root, 'detached.git'), 'refs/heads/main', { f: 'x' });
    git(join(root, 'detached.git'), ['update-ref', '--no-deref', 'HEAD', id]);
    expect(await said(`${server.origin}/detached.git`)).toMatch(`3 the HEAD of the repository is a commit`);
    expect(await said(`${server.origin}/detached.git`)).toMatch(new RegExp(`#${id}$`));

    const directory = tempDir('plain');
    expect(await said(`file://${directory}`)).toMatch(
      new RegExp(`^3 .*does not appear to be a git repository \\| for the directory itself type ${directory};`),
    );
    expect(await said(`file://${directory}/none`)).toMatch(/^3 .* \| check the path: nothing is there$/);
  });

  it('round-trips its identifiers', () => {
    for (const text of [
      url,
      `${url}#v1`,
      `${url}#a%20b:c%23d`,
      `${url}?tag=v1&subdir=x&keep-git-dir=1&submodules=0`,
      'git@h:o/r#x',
    ]) {
      const id = source.identify({ scheme: 'git', rest: text, text }, {});
      const again = source.identify({ scheme: 'git', rest: String(id), text: String(id) }, id.attributes);
      expect(again).toEqual(id);
    }
  });

  it('stops when told to', async () => {
    const stopped = new AbortController();
    const slow = await serveGit(root, { intercept: () => true });
    try {
      const work = (await openGit(`${slow.origin}/repo.git`)).cacheKey(newJob({ signal: stopped.signal }), 0);
      setTimeout(() => stopped.abort(), 200);
      await expect(work).rejects.toThrow(/abort/i);
    } finally {
      await slow.close();
    }
  });
});
