/** Where secrets of a git source go, whom it trusts, and what it says of itself. */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, relative } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Store } from '../../../src/contract/index.ts';
import { VERSION } from '../../../src/core/version.ts';
import { gitFor } from '../../../src/source/git/access.ts';
import { originOf, parseGitUrl } from '../../../src/source/git/url.ts';
import { type Certificates, makeCertificates } from '../../support/certificates.ts';
import { failureText } from '../../support/failure-code.ts';
import { type GitServer, serveGit } from '../../support/git-http.ts';
import { commit, git, initBare } from '../../support/git-repository.ts';
import { needs } from '../../support/needs.ts';
import { newEnv, newJob, writeSnapshot } from '../../support/source-env.ts';
import { tempDir } from '../../support/temp.ts';
import { openGit, paths } from './served-repositories.ts';

const BASIC = `Basic ${Buffer.from('x-access-token:s3cret-token').toString('base64')}`;

describe('originOf', () => {
  it.each([
    ['https://H.example/x.git', 'https://h.example'],
    ['https://h.example:443/x.git', 'https://h.example'],
    ['http://h.example:443/x.git', 'http://h.example:443'],
    ['https://h.example:8443/x.git', 'https://h.example:8443'],
    ['http://[::1]:80/x.git', 'http://[::1]'],
  ])('%s is of %s', (url, origin) => expect(originOf(parseGitUrl(url))).toBe(origin));
});

describe.skipIf(!needs('git', 'openssl'))('the origin of a git source', () => {
  const root = tempDir('git');
  let certs: Certificates;
  let server: GitServer;
  let token: string;
  let leaf: string;

  beforeAll(async () => {
    certs = makeCertificates(tempDir('tls'));
    const { cert, key } = certs.server;
    server = await serveGit(root, {
      tls: { cert: readFileSync(cert), key: readFileSync(key) },
      intercept: (request, response) => {
        if (request.headers.authorization === BASIC || !request.url?.includes('private')) return false;
        response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
        return true;
      },
    });
    initBare(join(root, 'private-leaf.git'));
    leaf = commit(join(root, 'private-leaf.git'), 'refs/heads/main', { leaf: 'x' });
    token = join(tempDir('token'), 'token');
    writeFileSync(token, 's3cret-token\n');
  });
  afterAll(() => server.close());
  afterEach(() => vi.unstubAllEnvs());

  function parent(name: string, submodule: string): string {
    initBare(join(root, `${name}.git`));
    commit(join(root, `${name}.git`), 'refs/heads/main', {
      '.gitmodules': `[submodule "m"]\n\tpath = mod\n\turl = ${submodule}\n`,
      mod: { mode: '160000', data: leaf },
    });
    return `https://127.0.0.1:${server.port}/${name}.git`;
  }

  it('shows a token to its scheme, host and port alone, submodules included', async () => {
    const network = { caFile: certs.ca };
    const url = parent('private-clear', `http://127.0.0.1:${server.port}/private-leaf.git`);
    server.requests.length = 0;
    const clear = writeSnapshot(await openGit(url, { 'auth-token-file': token }, undefined, { network }));
    expect(await failureText(clear)).toMatch(/^E_UNAUTHORIZED .*submodule mod/);
    expect(server.requests.filter((one) => one.secure && one.authorization === BASIC).length).toBeGreaterThan(0);
    const inClear = server.requests.filter((one) => !one.secure);
    expect(inClear.length).toBeGreaterThan(0);
    expect(inClear.filter((one) => one.authorization !== undefined)).toEqual([]);

    const same = parent('private-same', '../private-leaf.git');
    const { dir } = await writeSnapshot(await openGit(same, { 'auth-token-file': token }, undefined, { network }));
    expect(paths(dir)).toEqual(['.gitmodules', 'mod', 'mod/leaf']);

    // A secret of the session that names no host is meant for the reference, and no other host's.
    const session = newJob({ secrets: { GIT_AUTH_TOKEN: 's3cret-token' } });
    server.requests.length = 0;
    const other = parent('private-other', `https://localhost:${server.port}/private-leaf.git`);
    expect(await failureText(writeSnapshot(await openGit(other, {}, undefined, { network }), {}, session))).toMatch(
      /^E_UNAUTHORIZED/,
    );
    const named = newJob({
      secrets: { GIT_AUTH_TOKEN: 's3cret-token', [`GIT_AUTH_TOKEN.localhost:${server.port}`]: 's3cret-token' },
    });
    expect(paths((await writeSnapshot(await openGit(other, {}, undefined, { network }), {}, named)).dir)).toContain(
      'mod/leaf',
    );
  });

  it('sends no token in clear, unless the host is said to be one for that', async () => {
    const asked = (plainHttp: readonly string[]) =>
      openGit('http://nowhere.invalid/x.git', { 'auth-token-file': token }, undefined, { network: { plainHttp } });
    expect(await failureText((await asked([])).cacheKey(newJob(), 0))).toMatch(/^E_UNSAFE .*others can read it/);
    expect(await failureText((await asked(['nowhere.invalid'])).cacheKey(newJob(), 0))).toMatch(/^E_NETWORK/);
  });

  it('trusts the files and the directory that are named, from where they are named', async () => {
    const url = `https://127.0.0.1:${server.port}/public.git`;
    initBare(join(root, 'public.git'));
    commit(join(root, 'public.git'), 'refs/heads/main', { f: 'x' });
    const key = async (caFile?: string) =>
      (await openGit(url, {}, undefined, { network: { caFile } })).cacheKey(newJob(), 0);
    expect(await failureText(key())).toMatch(/^E_TLS/);
    expect((await key(relative(process.cwd(), certs.ca))).key).toMatch(/^[0-9a-f]{40}$/);
    vi.stubEnv('SSL_CERT_FILE', relative(process.cwd(), certs.ca));
    expect((await key()).key).toMatch(/^[0-9a-f]{40}$/);
    vi.stubEnv('SSL_CERT_FILE', undefined);
    const directory = join(tempDir('certs'), 'd');
    mkdirSync(directory);
    cpSync(certs.ca, join(directory, 'ca.pem'));
    vi.stubEnv('SSL_CERT_DIR', directory);
    expect((await key()).key).toMatch(/^[0-9a-f]{40}$/);
  });

  it('is led from https to http by no redirect, and elsewhere only without a certificate of the user', async () => {
    const { cert, key } = certs.server;
    let location = '';
    const redirecting = await serveGit(root, {
      tls: { cert: readFileSync(cert), key: readFileSync(key) },
      intercept: (request, response) => {
        response.writeHead(302, { location: `${location}${request.url}` }).end();
        return true;
      },
    });
    try {
      const asked = async (network = {}) =>
        (
          await openGit(`https://127.0.0.1:${redirecting.port}/moved.git`, {}, undefined, {
            network: { caFile: certs.ca, ...network },
          })
        ).cacheKey(newJob(), 0);
      initBare(join(root, 'moved.git'));
      commit(join(root, 'moved.git'), 'refs/heads/main', { f: 'x' });
      location = `https://127.0.0.1:${server.port}`;
      expect((await asked()).key).toMatch(/^[0-9a-f]{40}$/);
      const clientCert = certs.client.cert;
      const clientKey = certs.client.key;
      const refused = /^E_UNSAFE .*(?:error: 302|"?http"? .*disabled)/s;
      server.requests.length = 0;
      expect(await failureText(asked({ clientCert, clientKey }))).toMatch(refused);
      location = server.origin;
      expect(await failureText(asked())).toMatch(refused);
      expect(server.requests).toEqual([]);
    } finally {
      await redirecting.close();
    }
  });

  it('holds git to the addresses that a submodule was checked at', async () => {
    const network = { caFile: certs.ca };
    const url = parseGitUrl(`https://localhost.test:${server.port}/public-pinned.git`);
    initBare(join(root, 'public-pinned.git'));
    commit(join(root, 'public-pinned.git'), 'refs/heads/main', { f: 'x' });
    const { network: all } = newEnv({} as Store, { network: { ...network, insecure: ['localhost.test'] } });
    const resolve = [`localhost.test:${server.port}:127.0.0.1`];
    const list = async (options: object) =>
      (await gitFor(url, { own: false, ...options }, newJob().session, all)).run(
        newJob().signal,
        'list',
        ['ls-remote', url.remote],
        { reach: 'network' },
      );
    expect((await list({ resolve })).stdout.toString()).toContain('refs/heads/main');
    expect(await failureText(list({}))).toMatch(/^E_NETWORK .*resolve host/);
  });

  it('says who asks, and goes by way of the proxies of the environment', async () => {
    server.requests.length = 0;
    const seen: (string | undefined)[] = [];
    const proxy = createServer((request, response) => {
      seen.push(request.url);
      response.writeHead(502).end();
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    try {
      for (const name of ['HTTP_PROXY', 'ALL_PROXY']) {
        vi.stubEnv(name, `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`);
        const away = (await openGit('http://away.invalid/x.git')).cacheKey(newJob(), 0);
        expect(await failureText(away)).toMatch(/^E_SERVER/);
        expect(seen.splice(0)).toEqual([expect.stringMatching(/^http:\/\/away\.invalid\/x\.git\//)]);
        // Loopback is reached directly, as by every other request.
        const here = await openGit(`http://127.0.0.1:${server.port}/public.git`);
        expect((await here.cacheKey(newJob(), 0)).pin).toBe(git(join(root, 'public.git'), ['rev-parse', 'main']));
        vi.stubEnv(name, undefined);
      }
    } finally {
      proxy.close();
    }
    expect(seen).toEqual([]);
    expect([...new Set(server.requests.map((one) => one.userAgent))]).toEqual([`ctxsrc/${VERSION}`]);
  });
});
