import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Attributes, SourceInstance, Store } from '../../../src/contract/index.ts';
import { isCtxsrcError } from '../../../src/core/errors.ts';
import { source } from '../../../src/source/git.ts';
import { type GitServer, serveGit } from '../../support/git-http.ts';
import { blob, commit, commitRawTree, type Files, git, initBare } from '../../support/git-repository.ts';
import { needs } from '../../support/needs.ts';
import { newEnv, newJob, newStore, WRITE_OPTIONS, writeSnapshot } from '../../support/source-env.ts';
import { tempDir } from '../../support/temp.ts';
import { listTree } from '../../support/tree.ts';

async function open(url: string, attrs: Attributes = {}, store?: Store): Promise<SourceInstance> {
  const id = source.identify({ scheme: 'git', rest: url, text: url }, attrs);
  return source.resolve(id, newEnv(store ?? (await newStore())));
}

async function failure(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (isCtxsrcError(error)) return `${error.code} ${error.message}`;
    throw error;
  }
  throw new Error('no failure');
}

const paths = (dir: string): string[] => listTree(dir).map((entry) => entry.path);

describe.skipIf(!needs('git'))('git source against hostile and odd repositories', () => {
  let root: string;
  let server: GitServer;
  let intercept: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined;
  let count = 0;

  beforeAll(async () => {
    root = tempDir('git');
    server = await serveGit(root, { intercept: (request, response) => intercept?.(request, response) ?? false });
  });
  afterAll(() => server.close());

  function repository(files?: Files): { dir: string; url: string } {
    count += 1;
    const dir = join(root, `r${count}.git`);
    initBare(dir);
    if (files !== undefined) commit(dir, 'refs/heads/main', files);
    return { dir, url: `${server.origin}/r${count}.git` };
  }

  function raw(entries: (dir: string) => readonly { mode: string; name: string; id: string }[]): string {
    const { dir, url } = repository();
    commitRawTree(dir, 'refs/heads/main', entries(dir));
    return url;
  }

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
    const instance = await open(raw(entries));
    const outside = paths(root);
    expect(await failure(writeSnapshot(instance))).toMatch(/^E_(UNSAFE|ARCHIVE_INVALID|NETWORK) /);
    expect(paths(root)).toEqual(outside);
  });

  it('runs no hook, filter or program that a repository names', async () => {
    const mark = join(tempDir('mark'), 'ran');
    const { dir, url } = repository({
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
    const { dir: out } = await writeSnapshot(await open(url, { 'keep-git-dir': true }));
    expect(readFileSync(join(out, 'a.txt'), 'utf8')).toBe('text\n');
    expect(readFileSync(join(out, 'b.bin'), 'utf8')).toContain('git-lfs');
    await writeSnapshot(await open(`file://${dir}`));
    expect(existsSync(mark)).toBe(false);
  });

  it('follows no link of the repository when it writes', async () => {
    const outside = tempDir('outside');
    const { url } = repository({
      link: { mode: '120000', data: outside },
      'sub/up': { mode: '120000', data: '../../..' },
      'sub/f': 'x',
    });
    const { dir } = await writeSnapshot(await open(url));
    expect(listTree(dir).map(({ path, target }) => [path, target])).toEqual([
      ['link', outside],
      ['sub', undefined],
      ['sub/f', undefined],
      ['sub/up', '../../..'],
    ]);
    expect(readdirSync(outside)).toEqual([]);
    expect(await failure(writeSnapshot(await open(`${url}#main:link`)))).toMatch(/^E_PATH_NOT_FOUND/);
  });

  it('applies attributes of the directories above a subdirectory', async () => {
    const { dir, url } = repository({
      '.gitattributes': '*.txt eol=crlf\n',
      'a/b/f.txt': 'one\ntwo\n',
      'a/other': 'x',
    });
    git(dir, ['config', 'uploadpack.allowFilter', 'true']);
    const whole = await writeSnapshot(await open(url));
    const part = await writeSnapshot(await open(`${url}#main:a/b`));
    expect(readFileSync(join(whole.dir, 'a/b/f.txt'), 'utf8')).toBe('one\r\ntwo\r\n');
    expect(readFileSync(join(part.dir, 'f.txt'), 'utf8')).toBe('one\r\ntwo\r\n');
    expect(paths(part.dir)).toEqual(['f.txt']);
  });

  it('keeps names that are not UTF-8', async () => {
    const url = raw((dir) => [{ mode: '100644', name: 'ok', id: blob(dir, 'x') }]);
    const { dir } = repository();
    const tree = Buffer.concat([
      Buffer.from('100644 '),
      Buffer.from([0xff, 0xfe]),
      Buffer.from([0]),
      Buffer.from(blob(dir, 'y'), 'hex'),
    ]);
    const id = git(dir, ['hash-object', '-t', 'tree', '--literally', '-w', '--stdin'], tree);
    git(dir, ['update-ref', 'refs/heads/main', git(dir, ['commit-tree', '-m', 'm', id])]);
    const { dir: out, report } = await writeSnapshot(await open(`file://${dir}`));
    expect(paths(out)).toEqual(['\xff\xfe']);
    expect([...report.entries]).toMatchObject([{ path: '\xff\xfe', pathBytes: true }]);
    expect(paths((await writeSnapshot(await open(url))).dir)).toEqual(['ok']);
  });

  it('does not depend on the umask or on the configuration of whoever runs it', async () => {
    const { url } = repository({ f: 'x', 'd/x': { mode: '100755', data: '#!' } });
    const home = tempDir('home');
    writeFileSync(
      join(home, '.gitconfig'),
      '[core]\n\tautocrlf = true\n[url "http://127.0.0.1:1/"]\n\tinsteadOf = http://\n[init]\n\ttemplateDir = /nonexistent\n',
    );
    const before = {
      HOME: process.env['HOME'],
      GIT_DIR: process.env['GIT_DIR'],
      GIT_CONFIG_COUNT: process.env['GIT_CONFIG_COUNT'],
    };
    process.env['HOME'] = home;
    process.env['GIT_DIR'] = '/nonexistent';
    process.env['GIT_CONFIG_COUNT'] = 'broken';
    try {
      const { dir } = await writeSnapshot(await open(url));
      for (const entry of listTree(dir)) expect(entry.mode).toBe(entry.path === 'f' ? '0644' : '0755');
    } finally {
      for (const [name, value] of Object.entries(before)) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
    }
  });

  describe('submodules', () => {
    function parent(modules: string, id: string, path = 'mod'): { dir: string; url: string } {
      return repository({ '.gitmodules': modules, [path]: { mode: '160000', data: id }, f: 'x' });
    }
    const section = (url: string, path = 'mod') => `[submodule "m"]\n\tpath = ${path}\n\turl = ${url}\n`;

    it('writes them in their place, nested ones and relative ones too', async () => {
      const leaf = repository({ deep: 'leaf\n' });
      const leafId = git(leaf.dir, ['rev-parse', 'main']);
      const middle = parent(section(`../${leaf.url.split('/').at(-1)}`, 'inner/leaf'), leafId, 'inner/leaf');
      const middleId = git(middle.dir, ['rev-parse', 'main']);
      const top = parent(section(middle.url), middleId);
      const { dir } = await writeSnapshot(await open(top.url));
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
      const without = await writeSnapshot(await open(top.url, { 'skip-submodules': true }));
      expect(paths(without.dir)).toEqual(['.gitmodules', 'f']);
      const key = await (await open(top.url, { 'skip-submodules': true })).cacheKey(newJob(), 0);
      expect(key.key).toMatch(/^[0-9a-f]{40}\(skip-submodules\)$/);
      const some = await writeSnapshot(await open(top.url), { filter: { include: ['mod/inner'] } });
      expect(paths(some.dir)).toEqual(['mod', 'mod/inner', 'mod/inner/leaf', 'mod/inner/leaf/deep']);
    });

    it('writes nothing of one that is refused', async () => {
      const { url: top } = parent(section('"ext::sh -c \\"touch x\\""'), 'a'.repeat(40));
      expect(await failure(writeSnapshot(await open(top)))).toMatch(/^E_UNSAFE .*submodule/);
    });

    it('refuses relative ones that lead from a local repository to another, and ones without an address', async () => {
      const other = repository({ secret: 'x' });
      const { dir } = parent(section(`../${other.url.split('/').at(-1)}`), git(other.dir, ['rev-parse', 'main']));
      expect(await failure(writeSnapshot(await open(`file://${dir}`)))).toMatch(/^E_UNSAFE .*submodule/);
      const { url } = repository({ mod: { mode: '160000', data: 'a'.repeat(40) } });
      expect(await failure(writeSnapshot(await open(url)))).toMatch(/^E_NOT_FOUND .*submodule mod/);
    });

    it('takes none to its end that goes on and on', async () => {
      // A commit cannot contain its own ID, but a chain of commits can be as long as one likes.
      const { dir, url } = repository({ f: 'x' });
      const name = url.split('/').at(-1);
      for (let depth = 0; depth < 12; depth += 1) {
        const data = git(dir, ['rev-parse', 'main']);
        commit(dir, 'refs/heads/main', { '.gitmodules': section(`../${name}`), mod: { mode: '160000', data } });
      }
      expect(await failure(writeSnapshot(await open(url)))).toMatch(/^E_LIMIT .*nested/);
    });
  });

  describe('credentials', () => {
    const wanted = `Basic ${Buffer.from('x-access-token:s3cret-token').toString('base64')}`;
    const guard = (request: IncomingMessage, response: ServerResponse): boolean => {
      if (request.headers.authorization === wanted || request.headers.authorization === 'Bearer abc') return false;
      response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
      return true;
    };
    function tokenFile(text = 's3cret-token\n'): string {
      const file = join(tempDir('token'), 'token');
      writeFileSync(file, text);
      return file;
    }

    it('sends a token or header where it is asked for, and names what is missing', async () => {
      const { url } = repository({ f: 'x' });
      const host = new URL(url).host;
      intercept = guard;
      try {
        expect(await failure((await open(url)).cacheKey(newJob(), 0))).toMatch(/^E_UNAUTHORIZED/);
        const wrong = await failure(
          (await open(url, { 'auth-token-file': tokenFile('wrong-one') })).cacheKey(newJob(), 0),
        );
        expect(wrong).toMatch(/^E_UNAUTHORIZED/);
        expect(wrong).not.toContain('wrong-one');
        expect(await failure((await open(url, { 'auth-token-file': tokenFile('') })).cacheKey(newJob(), 0))).toMatch(
          /^E_CREDENTIALS/,
        );
        expect(paths((await writeSnapshot(await open(url, { 'auth-token-file': tokenFile() }))).dir)).toEqual(['f']);
        for (const secrets of [
          { GIT_AUTH_TOKEN: 's3cret-token' },
          { GIT_AUTH_TOKEN: 'no', [`GIT_AUTH_TOKEN.${host}`]: 's3cret-token' },
          { GIT_AUTH_HEADER: 'Bearer abc' },
        ]) {
          expect((await (await open(url)).cacheKey(newJob({ secrets }), 0)).key).toMatch(/^[0-9a-f]{40}$/);
        }
      } finally {
        intercept = undefined;
      }
    });

    it('takes them nowhere else', async () => {
      const seen: (string | undefined)[] = [];
      const elsewhere = await serveGit(root, {
        intercept: (request, response) => {
          seen.push(request.headers.authorization);
          response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
          return true;
        },
      });
      const { url } = repository({ f: 'x' });
      intercept = (request, response) => {
        response.writeHead(302, { location: `${elsewhere.origin}${request.url}` }).end();
        return true;
      };
      try {
        const withToken = (await open(url, { 'auth-token-file': tokenFile() })).cacheKey(newJob(), 0);
        expect(await failure(withToken)).toMatch(/^E_UNAUTHORIZED/);
        expect(seen.length).toBeGreaterThan(0);
        const withHeader = (await open(url)).cacheKey(newJob({ secrets: { GIT_AUTH_HEADER: 'Bearer abc' } }), 0);
        expect(await failure(withHeader)).toMatch(/^E_/);
        expect(seen.filter((value) => value !== undefined)).toEqual([]);
      } finally {
        intercept = undefined;
        await elsewhere.close();
      }
    });

    it('holds no password in a reference, and prints none', () => {
      expect(() => source.identify({ scheme: 'git', rest: 'https://u:p4ss@h/x.git', text: '' }, {})).toThrow(
        /no password/,
      );
    });
  });

  it('reads from a server that hands out nothing by ID', async () => {
    const { dir, url } = repository({ f: 'one' });
    const first = git(dir, ['rev-parse', 'main']);
    const second = commit(dir, 'refs/heads/main', { f: 'two' });
    // Protocol 0: only what a ref points at may be asked for.
    intercept = (request) => {
      delete request.headers['git-protocol'];
      return false;
    };
    try {
      const store = await newStore();
      expect(
        readFileSync(join((await writeSnapshot(await open(`${url}#${second}`, {}, store))).dir, 'f'), 'utf8'),
      ).toBe('two');
      expect(readFileSync(join((await writeSnapshot(await open(`${url}#${first}`, {}, store))).dir, 'f'), 'utf8')).toBe(
        'one',
      );
      expect(await failure(writeSnapshot(await open(`${url}#${'b'.repeat(40)}`, {}, store)))).toMatch(/^E_NOT_FOUND/);
    } finally {
      intercept = undefined;
    }
  });

  it('writes what its key named, although the branch moved meanwhile', async () => {
    const { dir, url } = repository({ f: 'one' });
    const instance = await open(`${url}#main`);
    await instance.cacheKey(newJob(), 0);
    commit(dir, 'refs/heads/main', { f: 'two' });
    expect(readFileSync(join((await writeSnapshot(instance)).dir, 'f'), 'utf8')).toBe('one');
  });

  it('reads repositories of SHA-256 objects', async () => {
    const dir = join(root, 'sha256.git');
    initBare(dir, '--object-format=sha256');
    const id = commit(dir, 'refs/heads/main', { f: 'x' });
    expect(id).toHaveLength(64);
    const instance = await open(`${server.origin}/sha256.git`);
    expect((await instance.cacheKey(newJob(), 0)).key).toBe(id);
    expect(paths((await writeSnapshot(instance)).dir)).toEqual(['f']);
  });

  it('mends a cache that was damaged', async () => {
    const { url } = repository({ f: 'x' });
    const store = await newStore();
    await writeSnapshot(await open(url, {}, store));
    const [name = ''] = readdirSync(join(store.root, 'workspaces'));
    writeFileSync(join(store.root, 'workspaces', name, 'work', 'HEAD'), 'garbage');
    writeFileSync(join(store.root, 'workspaces', name, 'work', 'config.lock'), '');
    expect(paths((await writeSnapshot(await open(url, {}, store), { epoch: 1 })).dir)).toEqual(['f']);
  });

  it('gives up on a server that says nothing', async () => {
    const { url } = repository({ f: 'x' });
    intercept = () => true;
    try {
      const id = source.identify({ scheme: 'git', rest: url, text: url }, {});
      const instance = source.resolve(id, newEnv(await newStore(), { network: { stallTimeout: 300 } }));
      expect(await failure(instance.cacheKey(newJob(), 0))).toMatch(/^E_STALLED/);
    } finally {
      intercept = undefined;
    }
  });

  it('writes 10,000 files, and one directory of them without the rest', async () => {
    const files: Record<string, string> = {};
    for (let i = 0; i < 10_000; i += 1) files[`d${i % 100}/f${i}.txt`] = `file ${i}\n`;
    const { dir, url } = repository(files);
    git(dir, ['config', 'uploadpack.allowFilter', 'true']);
    const { dir: out, report } = await writeSnapshot(await open(url));
    expect(report.files).toBe(10_100);
    expect(readFileSync(join(out, 'd7/f907.txt'), 'utf8')).toBe('file 907\n');
    const store = await newStore();
    const part = await writeSnapshot(await open(`${url}#main:d7`, {}, store));
    expect(part.report.files).toBe(100);
    expect(readdirSync(part.dir)).toHaveLength(100);
    const [name = ''] = readdirSync(join(store.root, 'workspaces'));
    const objects = git(join(store.root, 'workspaces', name, 'work'), ['count-objects', '-v']);
    // Commit, trees and the hundred blobs.
    expect(Number(/^in-pack: (\d+)$/m.exec(objects)?.[1])).toBeLessThan(300);
  });

  it('leaves no process behind when it is stopped', async () => {
    const { url } = repository({ f: 'x' });
    const stop = new AbortController();
    intercept = () => {
      setTimeout(() => stop.abort(), 50);
      return true;
    };
    try {
      await expect(writeSnapshot(await open(url), {}, newJob({ signal: stop.signal }))).rejects.toThrow(/abort/i);
      expect(statSync('/proc').isDirectory() ? childrenWith(url) : []).toEqual([]);
    } finally {
      intercept = undefined;
    }
  });

  it('counts limits over submodules too', async () => {
    const { url } = repository({ a: 'x', b: 'y' });
    expect(await failure(writeSnapshot(await open(url), { limits: { ...WRITE_OPTIONS.limits, maxFiles: 1 } }))).toMatch(
      /^E_LIMIT/,
    );
  });
});

/** Processes of this machine that have the text among their arguments. */
function childrenWith(text: string): string[] {
  return readdirSync('/proc').filter((name) => {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) return false;
    try {
      return readFileSync(`/proc/${name}/cmdline`, 'latin1').includes(text);
    } catch {
      return false;
    }
  });
}
