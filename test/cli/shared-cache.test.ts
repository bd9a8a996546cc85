/** `--cache-from` and `--cache-to` as they are typed, against the registry of the distribution project. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ctxsrc } from '../support/cli.ts';
import { type DockerRegistry, startDockerRegistry } from '../support/docker-registry.ts';
import { serveGit } from '../support/git-http.ts';
import { commit, initBare } from '../support/git-repository.ts';
import { digestOf } from '../support/layout-builder.ts';
import { needs } from '../support/needs.ts';
import { tempDir } from '../support/temp.ts';

const BODY = Buffer.alloc(3_000_000, 'release ');
const PIN = digestOf(BODY);

describe.skipIf(!needs('docker-registry'))('a shared cache in a registry', () => {
  let registry: DockerRegistry;
  let server: Server;
  let url: string;
  let asked = 0;

  beforeAll(async () => {
    registry = await startDockerRegistry();
    server = createServer((_request, response) => {
      asked += 1;
      response.end(BODY);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/release`;
  });
  afterAll(async () => {
    server.close();
    await registry.stop();
  });

  it('serves a second machine, which never asks the origin', async () => {
    const cache = `docker-image://${registry.host}/team/cache`;
    const shared = ['--cache-from', cache, '--cache-to', cache, '--checksum', PIN];
    const first = await ctxsrc(['pull', ...shared, '--cache-dir', tempDir('store'), url]);
    expect(first).toMatchObject({ code: 0, stdout: `${PIN}\n` });
    expect(first.stderr).toContain(`lacks ${url}: it comes from its origin`);
    const dir = join(tempDir('out'), 'snapshot');
    const args = [...shared.slice(0, 2), ...shared.slice(4), '--strict', '--cache-dir', tempDir('store')];
    const second = await ctxsrc(['snapshot', '--max-bytes', '4MB', ...args, url, dir]);
    expect(second.code, second.stderr).toBe(0);
    expect(second.stderr).toMatch(new RegExp(`^downloaded \\S+ from ${registry.host}/team/cache .*\n$`));
    expect(asked).toBe(1);
    const tags = await fetch(`http://${registry.host}/v2/team/cache/tags/list`);
    expect(await tags.json()).toEqual({ name: 'team/cache', tags: [`ctxsrc-body-${PIN.slice(7)}`] });
  });

  it.skipIf(!needs('git'))('serves a commit and its directories to machines that never ask its server', async () => {
    const root = tempDir('git');
    const repository = join(root, 'r.git');
    initBare(repository);
    const id = commit(repository, 'refs/heads/main', { 'docs/page': 'text\n', code: 'x\n' });
    const served = await serveGit(root);
    const cache = `docker-image://${registry.host}/team/commits`;
    const snapshot = (reference: string, ...flags: string[]) => {
      const dir = join(tempDir('out'), 'snapshot');
      const args = ['--cache-from', cache, ...flags, '--cache-dir', tempDir('store')];
      return ctxsrc(['snapshot', '--quiet', ...args, `${served.origin}/r.git#${reference}`, dir]);
    };
    expect(await snapshot(`${id}:docs`, '--cache-to', cache)).toMatchObject({ code: 0 });
    await served.close();
    for (const reference of [id, `${id}:docs`]) {
      expect(await snapshot(reference, '--strict')).toMatchObject({ code: 0, stderr: '' });
    }
    expect((await snapshot('main')).code).not.toBe(0);
    const tags = await fetch(`http://${registry.host}/v2/team/commits/tags/list`);
    expect(await tags.json()).toEqual({ name: 'team/commits', tags: [`ctxsrc-git-${id}`] });
  });

  it('that is down costs a note, and exit 0', async () => {
    const cache = 'docker-image://127.0.0.1:1/team/cache';
    const args = ['--cache-from', cache, '--cache-to', cache, '--checksum', PIN, '--cache-dir', tempDir('store'), url];
    const { code, stderr } = await ctxsrc(['pull', ...args]);
    expect({ code, notes: stderr.match(/^note: /gm)?.length }).toEqual({ code: 0, notes: 1 });
    expect((await ctxsrc(['pull', '--strict', ...args.slice(0, -1), tempDir('store'), url])).code).not.toBe(0);
  });

  it.each([
    [['--cache-from', 'docker-image://host/cache:1'], 'E_USAGE'],
    [['--cache-to', 'host/cache'], 'E_USAGE'],
    [['--cache-from', ''], 'E_USAGE'],
    [['--cache-private'], 'E_USAGE'],
  ])('refuses %j', async (flags, code) => {
    const result = await ctxsrc(['key', '--json', ...flags, '--checksum', PIN, url]);
    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(result.stderr).toContain(code);
  });

  it('means nothing for a directory, and connects nowhere offline', async () => {
    const cache = 'docker-image://127.0.0.1:1/team/cache';
    expect(await ctxsrc(['key', '--cache-from', cache, tempDir('app')])).toMatchObject({ code: 2 });
    const args = ['--offline', '--cache-from', cache, '--checksum', PIN, '--cache-dir', tempDir('store'), url];
    const { code, stderr } = await ctxsrc(['pull', ...args]);
    expect(code).toBe(3);
    expect(stderr).not.toContain('127.0.0.1:1/');
  });
});
