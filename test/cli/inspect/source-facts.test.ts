/** `ctxsrc inspect` of git, http and blobs: their facts, a dash for what is not known, and no request more than the key's. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cliHome, ctxsrc } from '../../support/cli.ts';
import { type GitServer, serveGit } from '../../support/git-http.ts';
import { commit, initBare } from '../../support/git-repository.ts';
import { LayoutBuilder } from '../../support/layout-builder.ts';
import { needs } from '../../support/needs.ts';
import { TestRegistry } from '../../support/registry.ts';
import { tempDir } from '../../support/temp.ts';

/** What a person reads, as facts by label; further lines of a label stand in the same text. */
async function facts(ref: string, home: string, flags: readonly string[] = []): Promise<Record<string, string>> {
  const { code, stdout, stderr } = await ctxsrc(['inspect', '--quiet', ...flags, ref], { home });
  expect([code, stderr]).toEqual([0, '']);
  const found: Record<string, string> = {};
  let label = '';
  for (const line of stdout.trimEnd().split('\n').slice(1)) {
    label = line.slice(0, 9).trim() || label;
    found[label] = [found[label], line.slice(9)].filter((text) => text !== undefined).join('\n');
  }
  return found;
}

describe('a file of a server', () => {
  let server: Server;
  let origin: string;
  const asked: string[] = [];
  const checksum = 'sha256:ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73';
  beforeAll(async () => {
    server = createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      if (request.url === '/moved') {
        response.writeHead(302, { location: '/some/file.bin?X-Amz-Signature=hunter2' }).end();
        return;
      }
      const headers = { etag: '"one"', 'last-modified': 'Tue, 14 Nov 2023 22:13:20 GMT', 'content-type': 'text/plain' };
      response.writeHead(
        request.headers['if-none-match'] === '"one"' ? 304 : 200,
        request.url === '/bare' ? {} : headers,
      );
      response.end('content');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => server.close());

  it('is shown with what its answer said, also when it is asked only whether it has changed', async () => {
    const home = cliHome();
    const known = {
      digest: checksum,
      file: 'moved',
      type: 'text/plain',
      size: '7 B',
      etag: '"one"',
      modified: 'Tue, 14 Nov 2023 22:13:20 GMT',
      address: `${origin}/some/file.bin`,
    };
    expect(await facts(`${origin}/moved`, home)).toMatchObject(known);
    expect(await facts(`${origin}/moved`, home)).toMatchObject(known);
    // The address that answered is known without the query, which is a signature.
    const { stdout } = await ctxsrc(['inspect', '--json', '-vv', `${origin}/moved`], { home });
    expect(JSON.parse(stdout)).toMatchObject({ size: 7, etag: '"one"', location: `${origin}/some/file.bin` });
    expect(stdout).not.toContain('hunter2');
  });

  it('has a dash for what the answer did not say, and for all of it where nothing is asked', async () => {
    expect(await facts(`${origin}/bare`, cliHome())).toMatchObject({
      etag: '-',
      modified: '-',
      type: '-',
      size: '7 B',
    });
    const before = asked.length;
    const home = cliHome();
    const unasked = { etag: '-', modified: '-', type: '-', address: '-' };
    expect(await facts(`${origin}/file`, home, ['--checksum', checksum])).toMatchObject({ ...unasked, size: '-' });
    expect(asked).toHaveLength(before);
    await ctxsrc(['pull', '--checksum', checksum, `${origin}/file`], { home });
    expect(await facts(`${origin}/file`, home, ['--checksum', checksum])).toMatchObject({ ...unasked, size: '7 B' });
  });
});

describe('a blob', () => {
  const layout = new LayoutBuilder();
  const { digest } = layout.blob('a blob\n', 'text/plain');

  it('of a layout has its size', async () => {
    const dir = layout.write(join(tempDir('layout'), 'image'));
    expect(await facts(`oci-layout+blob://${dir}@${digest}`, cliHome())).toMatchObject({
      digest,
      file: digest.slice('sha256:'.length),
      size: '7 B',
    });
  });

  it('of a registry has the size that its one HEAD told', async () => {
    const registry = await TestRegistry.start();
    try {
      for (const [name, bytes] of layout.blobs) registry.blobs.set(name, bytes);
      const ref = `docker-image+blob://${registry.host}/team/app@${digest}`;
      expect(await facts(ref, cliHome())).toMatchObject({ digest, size: '7 B' });
      expect(registry.log.map(({ method }) => method)).toEqual(['HEAD']);
    } finally {
      await registry.stop();
    }
  });
});

describe.skipIf(!needs('git'))('a commit', () => {
  const root = tempDir('git');
  const dir = join(root, 'r.git');
  let server: GitServer;
  let id: string;
  beforeAll(async () => {
    server = await serveGit(root);
    initBare(dir);
    const module = { mode: '160000', data: 'd'.repeat(40) } as const;
    const modules =
      '[submodule "x"]\n\tpath = lib/x\n\turl = https://bob:hunter2@example.com/x.git\n[submodule "gone"]\n\tpath = y\n';
    id = commit(
      dir,
      'refs/heads/main',
      { '.gitmodules': modules, 'lib/x': module, 'sub/file': '1' },
      'A \x1b[31msubject\n\nbody',
    );
  });
  afterAll(() => server.close());

  it('is a dash until it was fetched; then its date, author, subject and submodules are known, for no request more', async () => {
    const [one, home] = [cliHome(), cliHome()];
    const url = `${server.origin}/r.git`;
    const requests = async (work: () => Promise<unknown>): Promise<number> => {
      const before = server.requests.length;
      await work();
      return server.requests.length - before;
    };
    const ofKey = await requests(() => ctxsrc(['key', url], { home: one }));
    const unknown = { ref: 'refs/heads/main', date: '-', author: '-', subject: '-', modules: '-' };
    expect(await requests(async () => expect(await facts(url, home)).toMatchObject(unknown))).toBe(ofKey);
    // A look leaves nothing in the store.
    expect((await ctxsrc(['cache', 'ls', '--quiet'], { home })).stdout).not.toContain('r.git');
    const { code } = await ctxsrc(['snapshot', '--skip-submodules', url, 'out'], { home, cwd: tempDir('out') });
    expect(code).toBe(0);
    // The repository is kept under the name that people have for it.
    expect((await ctxsrc(['cache', 'ls', '--quiet'], { home })).stdout).toMatch(
      new RegExp(` workspace {2}git ${url}$`, 'm'),
    );
    const known = {
      date: '2023-11-14T22:13:20+00:00',
      author: 'c',
      subject: 'A \\x1b[31msubject',
      modules: 'lib/x  dddddddddddd  https://***@example.com/x.git',
    };
    expect(await requests(async () => expect(await facts(url, home)).toMatchObject(known))).toBe(ofKey);
    expect(await requests(async () => expect(await facts(`${url}#${id}`, home)).toMatchObject(known))).toBe(0);
    const { stdout } = await ctxsrc(['inspect', '--json', '--quiet', url], { home });
    expect(JSON.parse(stdout).modules).toEqual([
      { path: 'lib/x', url: 'https://***@example.com/x.git', commit: 'd'.repeat(40) },
    ]);
  });

  it('is kept, for each user of its address, without that user, who may be a token', async () => {
    const home = cliHome();
    for (const user of ['t0ken-a', 't0ken-b']) {
      const url = `${server.origin.replace('//', `//${user}@`)}/r.git`;
      const { code, stderr } = await ctxsrc(['snapshot', '--skip-submodules', url, 'out'], {
        home,
        cwd: tempDir('out'),
      });
      expect([code, stderr]).toEqual([0, expect.not.stringContaining('t0ken')]);
      expect(stderr).toContain('//***@');
    }
    const { stdout } = await ctxsrc(['cache', 'ls', '--json'], { home });
    const kept = (JSON.parse(stdout) as { items: { kind: string; name: string }[] }).items;
    expect(kept.filter(({ kind }) => kind === 'workspace')).toHaveLength(2);
    expect(stdout).not.toContain('t0ken');
  });

  it('is known too where only one of its directories was fetched', async () => {
    const home = cliHome();
    const url = `${server.origin}/r.git#main:sub`;
    await ctxsrc(['snapshot', url, 'out'], { home, cwd: tempDir('out') });
    expect(await facts(url, home)).toMatchObject({
      subdir: 'sub',
      author: 'c',
      modules: expect.stringMatching(/^lib\/x /),
    });
  });
});
