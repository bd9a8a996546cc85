/** Submodules, written in their place or refused. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Attributes } from '../../../src/contract/index.ts';
import type { CtxsrcError } from '../../../src/core/errors.ts';
import type { ProgressEvent } from '../../../src/core/progress.ts';
import { failureText } from '../../support/failure-code.ts';
import { commit, git } from '../../support/git-repository.ts';
import { needs } from '../../support/needs.ts';
import { newJob, newStore, writeSnapshot } from '../../support/source-env.ts';
import { listTree } from '../../support/tree.ts';
import { openGit, paths, ServedRepositories } from './served-repositories.ts';

describe.skipIf(!needs('git'))('submodules of a git source', () => {
  let served: ServedRepositories;

  beforeAll(async () => {
    served = await ServedRepositories.start();
  });
  afterAll(() => served.close());

  function parent(modules: string, id: string, path = 'mod'): { dir: string; url: string } {
    return served.repository({ '.gitmodules': modules, [path]: { mode: '160000', data: id }, f: 'x' });
  }
  const section = (url: string, path = 'mod') => `[submodule "m"]\n\tpath = ${path}\n\turl = ${url}\n`;

  it('writes them in their place, nested ones and relative ones too', async () => {
    const leaf = served.repository({ deep: 'leaf\n' });
    const leafId = git(leaf.dir, ['rev-parse', 'main']);
    const middle = parent(section(`../${leaf.url.split('/').at(-1)}`, 'inner/leaf'), leafId, 'inner/leaf');
    const middleId = git(middle.dir, ['rev-parse', 'main']);
    const top = parent(section(middle.url), middleId);
    const { dir } = await writeSnapshot(await openGit(top.url));
    expect(paths(dir)).toEqual([
      '.gitmodules',
      'f',
      'mod',
      'mod/.gitmodules',
      'mod/f',
      'mod/inner',
      'mod/inner/leaf',
      'mod/inner/leaf/deep',
    ]);
    const without = await writeSnapshot(await openGit(top.url, { 'skip-submodules': true }));
    // What git leaves of a submodule that it does not fetch.
    expect(paths(without.dir)).toEqual(['.gitmodules', 'f', 'mod']);
    const key = await (await openGit(top.url, { 'skip-submodules': true })).cacheKey(newJob(), 0);
    expect(key.key).toMatch(/^[0-9a-f]{40}\(skip-submodules\)$/);
    const some = await writeSnapshot(await openGit(top.url), { filter: { include: ['mod/inner'] } });
    expect(paths(some.dir)).toEqual(['mod', 'mod/inner', 'mod/inner/leaf', 'mod/inner/leaf/deep']);
  });

  it('takes a directory that is a submodule, or lies in one', async () => {
    const leaf = served.repository({ 'deep/er/file': 'x', other: 'y' });
    const leafId = git(leaf.dir, ['rev-parse', 'main']);
    const middle = parent(section(leaf.url, 'inner/leaf'), leafId, 'inner/leaf');
    const top = parent(section(middle.url), git(middle.dir, ['rev-parse', 'main']));
    for (const { dir } of [leaf, middle, top]) git(dir, ['config', 'uploadpack.allowFilter', 'true']);
    const store = await newStore();
    const write = async (subdir: string, attributes: Attributes = {}) =>
      writeSnapshot(await openGit(`${top.url}#main:${subdir}`, attributes, store));
    const written = async (subdir: string, attributes: Attributes = {}) => paths((await write(subdir, attributes)).dir);
    expect(await written('mod')).toEqual([
      '.gitmodules',
      'f',
      'inner',
      'inner/leaf',
      'inner/leaf/deep',
      'inner/leaf/deep/er',
      'inner/leaf/deep/er/file',
      'inner/leaf/other',
    ]);
    expect(await written('mod', { 'keep-git-dir': true })).not.toContain('.git');
    expect(await written('mod/inner')).toContain('leaf/deep/er/file');
    expect(await written('mod/inner/leaf/deep')).toEqual(['er', 'er/file']);
    const subpath = await writeSnapshot(await openGit(top.url, {}, store), { filter: { subpath: 'mod/inner/leaf' } });
    expect(paths(subpath.dir)).toEqual(['deep', 'deep/er', 'deep/er/file', 'other']);
    expect(await written('mod', { 'skip-submodules': true })).toEqual([]);
    expect(await failureText(write('mod/inner', { 'skip-submodules': true }))).toBe(
      'E_PATH_NOT_FOUND mod/inner lies in the submodule mod, which --skip-submodules leaves out',
    );
    for (const missing of ['mod/nope', 'mod/f', 'nope/mod', 'f/mod']) {
      expect(await failureText(write(missing))).toMatch(/^E_PATH_NOT_FOUND/);
    }
  });

  it('leaves out what .gitmodules says is not for everybody, and says how to leave out what cannot be read', async () => {
    const secret = section(`${served.origin}/private.git`);
    served.intercept = (request, response) => {
      if (!request.url?.startsWith('/private.git')) return false;
      response.writeHead(403).end();
      return true;
    };
    try {
      const events: ProgressEvent[] = [];
      const job = newJob({ progress: { emit: (event) => void events.push(event) } });
      const left = parent(`${secret}\tupdate = none\n`, 'a'.repeat(40));
      const { dir } = await writeSnapshot(await openGit(left.url), {}, job);
      expect(listTree(dir, { omit: ['mtime', 'uid', 'gid', 'sha256'] })).toContainEqual({
        path: 'mod',
        type: 'dir',
        mode: '0755',
      });
      expect(events).toContainEqual({
        type: 'message',
        level: 'note',
        text: expect.stringContaining('mod is left out'),
      });
      expect(paths((await writeSnapshot(await openGit(`${left.url}#main:mod`))).dir)).toEqual([]);

      const denied = parent(secret, 'a'.repeat(40));
      const error = await writeSnapshot(await openGit(denied.url)).then(
        () => undefined,
        (thrown: CtxsrcError) => thrown,
      );
      expect(error).toMatchObject({
        exit: 4,
        message: expect.stringMatching(/returned error: 403 \(for the submodule mod\)$/),
        hint: expect.stringContaining('--skip-submodules'),
      });
    } finally {
      served.intercept = undefined;
    }
  });

  it('writes nothing of one that is refused', async () => {
    const { url: top } = parent(section('"ext::sh -c \\"touch x\\""'), 'a'.repeat(40));
    expect(await failureText(writeSnapshot(await openGit(top)))).toMatch(/^E_UNSAFE .*submodule/);
  });

  it('refuses relative ones that lead from a local repository to another, and ones without an address', async () => {
    const other = served.repository({ secret: 'x' });
    const { dir } = parent(section(`../${other.url.split('/').at(-1)}`), git(other.dir, ['rev-parse', 'main']));
    expect(await failureText(writeSnapshot(await openGit(`file://${dir}`)))).toMatch(/^E_UNSAFE .*submodule/);
    const { url } = served.repository({ mod: { mode: '160000', data: 'a'.repeat(40) } });
    expect(await failureText(writeSnapshot(await openGit(url)))).toMatch(/^E_NOT_FOUND .*submodule mod/);
  });

  it('takes none to its end that goes on and on', async () => {
    // A commit cannot contain its own ID, but a chain of commits can be as long as one likes.
    const { dir, url } = served.repository({ f: 'x' });
    const name = url.split('/').at(-1);
    for (let depth = 0; depth < 12; depth += 1) {
      const data = git(dir, ['rev-parse', 'main']);
      commit(dir, 'refs/heads/main', { '.gitmodules': section(`../${name}`), mod: { mode: '160000', data } });
    }
    expect(await failureText(writeSnapshot(await openGit(url)))).toMatch(/^E_LIMIT .*nested/);
  });
});
