/** Commits in a shared cache: what comes from there, and what goes there. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { failureText } from '../../support/failure-code.ts';
import { commit, git, initBare } from '../../support/git-repository.ts';
import { needs } from '../../support/needs.ts';
import { problem, send } from '../../support/push-registry.ts';
import { cacheRun, REPOSITORY } from '../../support/shared-cache.ts';
import { newStore, writeSnapshot } from '../../support/source-env.ts';
import { tempDir } from '../../support/temp.ts';
import { openGit, paths } from './served-repositories.ts';
import { SharedCommits } from './shared-commits.ts';

const ALL = ['a', 'a/f', 'b', 'b/g'];

describe.skipIf(!needs('git'))('commits in a shared cache', () => {
  let world: SharedCommits;

  beforeEach(async () => {
    world = await SharedCommits.start();
  });
  afterEach(() => world.stop());

  it('come from it in two requests, once one run has put them there under a tag of their own', async () => {
    const first = world.both();
    expect(paths(await world.write(first))).toEqual(ALL);
    expect(first.notes).toEqual([expect.stringContaining(`${REPOSITORY} lacks ${world.url}#${world.id}`)]);
    expect(world.tags()).toEqual([`ctxsrc-git-${world.id}`]);
    const [blob, manifest] = [
      ['HEAD blobs/', 'POST blobs/uploads/', 'PUT blobs/uploads/'],
      `manifests/ctxsrc-git-${world.id}`,
    ];
    const put = [`HEAD ${manifest}`, ...blob, ...blob, `PUT ${manifest}`];
    expect(world.requests().map((one) => one.replace(/id-.*/, ''))).toEqual([`GET ${manifest}`, ...put]);
    world.asked = 0;
    const second = world.both({ strict: true });
    expect(readFileSync(join(await world.write(second), 'a/f'), 'utf8')).toBe('one\n');
    expect(second.notes).toEqual([]);
    expect(world.requests()).toEqual([`GET manifests/ctxsrc-git-${world.id}`, 'GET blobs/']);
    expect(world.asked).toBe(0);
  });

  it('cost one request to keep where the entry is there', async () => {
    await world.write(world.both());
    world.requests();
    await world.write(cacheRun({ to: world.registry.host }));
    expect(world.requests()).toEqual([`HEAD manifests/ctxsrc-git-${world.id}`]);
  });

  it('are one entry for all their directories', async () => {
    const first = world.both();
    expect(paths(await world.write(first, `#${world.id}:a`))).toEqual(['f']);
    world.asked = 0;
    expect(paths(await world.write(world.reads(), `#${world.id}:b`))).toEqual(['g']);
    expect(paths(await world.write(world.reads()))).toEqual(ALL);
    expect(world.asked).toBe(0);
    expect(world.tags()).toEqual([`ctxsrc-git-${world.id}`]);
  });

  it('are fetched in part where a directory is asked for, the cache lacks them and nobody fills it', async () => {
    git(world.dir, ['config', 'uploadpack.allowFilter', 'true']);
    const store = await newStore();
    expect(paths(await world.write(world.reads(), `#${world.id}:a`, {}, store))).toEqual(['f']);
    const types = readdirSync(join(store.root, 'workspaces')).flatMap((name) => {
      return git(join(store.root, 'workspaces', name, 'work'), [
        'cat-file',
        '--batch-all-objects',
        '--batch-check=%(objecttype)',
      ]).split('\n');
    });
    expect(types.filter((type) => type === 'blob')).toHaveLength(1);
  });

  it('are named by the origin where the reference moves, and then come from the cache', async () => {
    await world.write(world.both());
    world.asked = 0;
    expect(paths(await world.write(world.reads({ strict: true }), '#main'))).toEqual(ALL);
    // The list of refs takes two requests.
    expect(world.asked).toBe(2);
    commit(world.dir, 'refs/heads/main', { 'a/f': 'three\n' });
    expect(readFileSync(join(await world.write(world.reads(), '#main'), 'a/f'), 'utf8')).toBe('three\n');
  });

  it('of an annotated tag have an entry with the tag, from which .git can be kept', async () => {
    git(world.dir, ['tag', '-a', '-m', 'x', 'v1', 'main']);
    const tag = git(world.dir, ['rev-parse', 'v1']);
    await world.write(world.both(), '#v1', { 'keep-git-dir': true });
    expect(world.tags()).toEqual([`ctxsrc-git-${tag}`]);
    const out = await world.write(world.reads({ strict: true }), '#v1', { 'keep-git-dir': true });
    const kept = join(out, '.git');
    expect(git(kept, ['rev-parse', 'HEAD', 'v1'])).toBe(`${world.id}\n${tag}`);
    expect(git(kept, ['fsck', '--full'])).toBe('');
    expect(git(kept, ['rev-parse', '--is-shallow-repository'])).toBe('true');
  });

  it('leave a repository from which the origin can be asked on', async () => {
    await world.write(world.both());
    const store = await newStore();
    await world.write(world.reads(), undefined, {}, store);
    const next = commit(world.dir, 'refs/heads/main', { 'a/f': 'four\n', 'b/g': 'two\n' });
    const out = await world.write(world.reads(), `#${next}`, {}, store);
    expect(readFileSync(join(out, 'a/f'), 'utf8')).toBe('four\n');
    // Protocol 0: only the whole history has the first commit.
    world.served.intercept = (request) => {
      delete request.headers['git-protocol'];
      return false;
    };
    const first = git(world.dir, ['rev-parse', 'main~2']);
    expect(readFileSync(join(await world.write(world.reads(), `#${first}`, {}, store), 'a/f'), 'utf8')).toBe('zero\n');
  });

  it('are taken again where a run was killed between the note of their missing parents and their objects', async () => {
    await world.write(world.both());
    const store = await newStore();
    await world.write(world.reads(), undefined, {}, store);
    const [name = ''] = readdirSync(join(store.root, 'workspaces'));
    const repository = join(store.root, 'workspaces', name, 'work');
    expect(readFileSync(join(repository, 'shallow'), 'utf8')).toBe(`${world.id}\n`);
    git(repository, ['update-ref', '-d', `refs/ctxsrc/${world.id}`]);
    for (const file of readdirSync(join(repository, 'objects/pack'))) rmSync(join(repository, 'objects/pack', file));
    for (const run of [world.reads({ strict: true }), cacheRun({})]) {
      expect(paths(await world.write(run, `#${world.id}`, { 'keep-git-dir': true }, store))).toContain('b/g');
      git(repository, ['update-ref', '-d', `refs/ctxsrc/${world.id}`]);
      for (const file of readdirSync(join(repository, 'objects/pack'))) rmSync(join(repository, 'objects/pack', file));
    }
  });

  it('of submodules are entries of their own', async () => {
    const module = world.served.repository({ inner: 'x' });
    const link = git(module.dir, ['rev-parse', 'main']);
    const outer = commit(world.dir, 'refs/heads/main', {
      '.gitmodules': `[submodule "m"]\npath = m\nurl = ${module.url}\n`,
      m: { mode: '160000', data: link },
    });
    await world.write(world.both(), `#${outer}`);
    expect(world.tags()).toEqual([`ctxsrc-git-${link}`, `ctxsrc-git-${outer}`].sort());
    world.asked = 0;
    expect(paths(await world.write(world.reads({ strict: true }), `#${outer}`))).toEqual([
      '.gitmodules',
      'm',
      'm/inner',
    ]);
    expect(paths(await world.write(world.reads({ strict: true }), `#${outer}:m`))).toEqual(['inner']);
    expect(world.asked).toBe(0);
  });

  it('may have IDs of SHA-256, and Git LFS pointers', async () => {
    const dir = join(world.served.root, 'long.git');
    initBare(dir, '--object-format=sha256');
    const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${'a'.repeat(64)}\nsize 12345\n`;
    const id = commit(dir, 'refs/heads/main', { large: pointer });
    const url = `${world.served.origin}/long.git#${id}`;
    for (const run of [world.both(), world.reads({ strict: true })]) {
      const source = await openGit(url, {}, undefined, { sharedCache: run.sharedCache });
      const { dir: out } = await writeSnapshot(source, {}, run.job);
      expect(readFileSync(join(out, 'large'), 'utf8')).toBe(pointer);
      expect(run.notes.at(-1)).toContain('a Git LFS pointer');
    }
    expect(world.tags()).toEqual([`ctxsrc-git-${id}`]);
  });

  it('that were fetched with a credential go there with --cache-private alone', async () => {
    const file = join(tempDir('token'), 'token');
    writeFileSync(file, 's3cret-token');
    const attrs = { 'auth-token-file': file };
    for (const reference of [`#${world.id}`, `#${world.id}:a`]) {
      const shy = cacheRun({ to: world.registry.host });
      await world.write(shy, reference, attrs);
      expect(shy.notes).toEqual([expect.stringContaining('may be a credential')]);
      expect(world.requests()).toEqual([]);
    }
    await world.write(cacheRun({ to: world.registry.host, private: true }), undefined, attrs);
    expect(world.tags()).toEqual([`ctxsrc-git-${world.id}`]);
  });

  it('of this machine neither come from it nor go there', async () => {
    const run = world.both();
    const source = await openGit(`file://${world.dir}#${world.id}`, {}, undefined, { sharedCache: run.sharedCache });
    expect(paths((await writeSnapshot(source, {}, run.job)).dir)).toEqual(ALL);
    expect(world.requests()).toEqual([]);
  });

  it('that cannot be put there are a note, and with --strict an error', async () => {
    world.registry.rule = (request, response) =>
      request.method === 'POST' ? send(response, problem(403, 'DENIED', 'read only')) : undefined;
    const run = cacheRun({ to: world.registry.host });
    expect(paths(await world.write(run))).toEqual(ALL);
    expect(run.notes).toEqual([expect.stringMatching(/is not used any more in this run: .*read only/)]);
    const strict = cacheRun({ to: world.registry.host, strict: true });
    expect(await failureText(world.write(strict))).toMatch(/^E_FORBIDDEN the shared cache/);
  });

  it('are whole after eight writers at once', async () => {
    const runs = Array.from({ length: 8 }, () => cacheRun({ to: world.registry.host }));
    await Promise.all(runs.map((run) => world.write(run)));
    expect(runs.flatMap(({ notes }) => notes)).toEqual([]);
    world.asked = 0;
    expect(paths(await world.write(world.reads({ strict: true })))).toEqual(ALL);
    expect(world.asked).toBe(0);
  });
});
