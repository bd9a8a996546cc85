/** Submodules, written in their place or refused. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failureText } from '../../support/failure-code.ts';
import { commit, git } from '../../support/git-repository.ts';
import { needs } from '../../support/needs.ts';
import { newJob, writeSnapshot } from '../../support/source-env.ts';
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
    expect(paths(without.dir)).toEqual(['.gitmodules', 'f']);
    const key = await (await openGit(top.url, { 'skip-submodules': true })).cacheKey(newJob(), 0);
    expect(key.key).toMatch(/^[0-9a-f]{40}\(skip-submodules\)$/);
    const some = await writeSnapshot(await openGit(top.url), { filter: { include: ['mod/inner'] } });
    expect(paths(some.dir)).toEqual(['mod', 'mod/inner', 'mod/inner/leaf', 'mod/inner/leaf/deep']);
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
