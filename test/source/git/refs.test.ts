/** Refs and directories as people name them, and servers that give out only the tips of branches. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commit, git } from '../../support/git-repository.ts';
import { needs } from '../../support/needs.ts';
import { newJob, writeSnapshot } from '../../support/source-env.ts';
import { openGit, paths, ServedRepositories } from './served-repositories.ts';

describe.skipIf(!needs('git'))('refs and directories of a git source', () => {
  let served: ServedRepositories;
  let url: string;
  let dir: string;
  let main: string;
  let other: string;

  beforeAll(async () => {
    served = await ServedRepositories.start();
    ({ dir, url } = served.repository({ 'real/f': '1', 'my dir/m': '2', 'ünï/u': '3' }));
    main = git(dir, ['rev-parse', 'main']);
    other = commit(dir, 'refs/heads/feature/x', { 'real/f': 'other' });
    for (const ref of ['refs/pull/7/head', 'refs/pull/7/merge']) git(dir, ['update-ref', ref, other]);
  });
  afterAll(() => served.close());

  const keyOf = async (reference: string) => (await (await openGit(reference)).cacheKey(newJob(), 0)).key;

  it('finds the commits of pull requests, and branches with slashes', async () => {
    for (const ref of ['refs/pull/7/merge', 'pull/7/head', 'feature/x', 'refs/heads/feature/x'])
      expect(await keyOf(`${url}#${ref}`), ref).toBe(other);
    expect(await keyOf(`${url}#feature/x:real`)).toBe(`${other}:real`);
    git(dir, ['symbolic-ref', 'HEAD', 'refs/heads/feature/x']);
    expect(await keyOf(url)).toBe(other);
    git(dir, ['symbolic-ref', 'HEAD', 'refs/heads/main']);
  });

  it.each([
    [':real', 'real', 'f'],
    [':./real/', 'real', 'f'],
    [':my dir', 'my dir', 'm'],
    [':my%20dir', 'my dir', 'm'],
    ['main:ünï', 'ünï', 'u'],
  ])('#%s is a directory', async (fragment, subdir, file) => {
    expect(await keyOf(`${url}#${fragment}`)).toBe(`${main}:${subdir}`);
    expect(paths((await writeSnapshot(await openGit(`${url}#${fragment}`))).dir)).toEqual([file]);
  });

  it('says what a ref can be to who abbreviates a commit', async () => {
    await expect(keyOf(`${url}#${main.slice(0, 7)}`)).rejects.toMatchObject({
      exit: 3,
      hint: expect.stringContaining('a whole commit ID'),
    });
  });

  it.each(['of before protocol 2', 'of files alone (dumb HTTP)'])(
    'a server %s gives commits that are no tip',
    async (how) => {
      const sub = served.repository({ f: 'first' });
      const id = git(sub.dir, ['rev-parse', 'main']);
      commit(sub.dir, 'refs/heads/main', { f: 'second' });
      const modules = `[submodule "m"]\n\tpath = mod\n\turl = ../${sub.url.split('/').at(-1)}\n`;
      const top = served.repository({ '.gitmodules': modules, mod: { mode: '160000', data: id } });
      const first = git(top.dir, ['rev-parse', 'main']);
      commit(top.dir, 'refs/heads/main', { later: 'x' });
      const lost = commit(top.dir, 'refs/heads/gone', { lost: 'x' });
      git(top.dir, ['update-ref', '-d', 'refs/heads/gone']);
      for (const repository of [sub.dir, top.dir]) git(repository, ['update-server-info']);
      served.intercept = (request, response) => {
        delete request.headers['git-protocol'];
        if (how.startsWith('of before')) return false;
        try {
          response.end(readFileSync(join(served.root, new URL(request.url!, 'http://h').pathname)));
        } catch {
          response.writeHead(404).end();
        }
        return true;
      };
      try {
        const written = await writeSnapshot(await openGit(`${top.url}#${first}`));
        expect(readFileSync(join(written.dir, 'mod', 'f'), 'utf8')).toBe('first');
        await expect(writeSnapshot(await openGit(`${top.url}#${lost}`))).rejects.toMatchObject({
          exit: 3,
          message: `no branch or tag of ${top.url} contains the commit ${lost}`,
          hint: expect.stringContaining('force push'),
        });
      } finally {
        served.intercept = undefined;
      }
    },
  );
});
