/**
 * Secrets of every kind are planted and used; afterwards nothing of them is in what was printed, in the store, beside the
 * snapshots, in temporary files, nor was it ever in the command line of any process on the machine.
 */

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { cliHome, ctxsrc } from '../support/cli.ts';
import { serveGit } from '../support/git-http.ts';
import { commit, initBare } from '../support/git-repository.ts';
import { LayoutBuilder } from '../support/layout-builder.ts';
import { needs } from '../support/needs.ts';
import { TestRegistry } from '../support/registry.ts';
import { tar } from '../support/tar-builder.ts';
import { tempDir } from '../support/temp.ts';

const USER = 'planted-user';
/** Of this run alone: the command lines of another run at the same time are none of its business. */
const PASSWORD = `planted-password-${randomBytes(4).toString('hex')}`;
const IDENTITY = 'planted-identity-token-91';
const SIGNATURE = 'planted-signature-c0ffee';
const OWN_TOKEN = 'planted-registry-token-55';
const base64 = (text: string): string => Buffer.from(text).toString('base64');
/** What no byte may hold; `token-of-the-test-registry` is what the token endpoint gives out. */
const SECRETS = [
  PASSWORD,
  IDENTITY,
  SIGNATURE,
  OWN_TOKEN,
  'token-of-the-test-registry',
  ...[`${USER}:${PASSWORD}`, `:${PASSWORD}`, IDENTITY, OWN_TOKEN, `x-access-token:${OWN_TOKEN}`].map(base64),
];

/** The planted secrets that a text or the bytes of a file hold. */
const found = (text: string | Buffer): string[] => SECRETS.filter((secret) => text.includes(secret));

function filesBelow(dir: string): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Looks at the command lines of all processes until it is stopped. */
function watchProcesses(): { stop(): string[] } {
  const seen = new Set<string>();
  const look = (): void => {
    for (const pid of readdirSync('/proc')) {
      if (!/^\d+$/.test(pid)) continue;
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'latin1');
        if (found(line).length > 0) seen.add(line.replaceAll('\0', ' '));
      } catch {
        // Gone since it was listed.
      }
    }
  };
  const timer = setInterval(look, 20);
  return {
    stop() {
      clearInterval(timer);
      look();
      return [...seen];
    },
  };
}

/** Runs with planted secrets and looks everywhere. `keep` are the files that the test itself has planted. */
async function expectNoTrace(
  runs: readonly (readonly string[])[],
  options: {
    readonly env?: Record<string, string | undefined>;
    readonly keep?: readonly string[];
    readonly home?: string;
  },
): Promise<number[]> {
  const home = options.home ?? cliHome();
  const work = tempDir('work');
  const watch = watchProcesses();
  const codes: number[] = [];
  for (const args of runs) {
    const result = await ctxsrc(args, { home, cwd: work, env: options.env });
    expect([found(result.stdout), found(result.stderr)], `${args.join(' ')}\n${result.stderr}`).toEqual([[], []]);
    expect(result.code, result.stderr).not.toBe(1);
    codes.push(result.code!);
  }
  expect(watch.stop()).toEqual([]);
  const kept = new Set(options.keep ?? []);
  for (const file of [...filesBelow(home), ...filesBelow(work)]) {
    if (!kept.has(file)) expect(found(Buffer.concat([Buffer.from(`${file}\n`), readFileSync(file)])), file).toEqual([]);
  }
  return codes;
}

describe('what looks for secrets', () => {
  it('finds them in a file and in a command line', async () => {
    const watch = watchProcesses();
    const child = spawn('sleep', ['5', `5${PASSWORD}`.slice(0, 1)], { argv0: PASSWORD, stdio: 'ignore' });
    await new Promise((resolve) => setTimeout(resolve, 200));
    child.kill();
    expect(watch.stop()).toHaveLength(1);
    expect(found(`x${base64(`${USER}:${PASSWORD}`)}`)).not.toEqual([]);
  });
});

describe('a registry', () => {
  let registry: TestRegistry;
  let reference: string;

  beforeAll(async () => {
    registry = await TestRegistry.start({ auth: { kind: 'bearer', username: USER, password: PASSWORD } });
    const layout = new LayoutBuilder();
    const layer = layout.layer(tar([{ name: 'file', content: 'x'.repeat(50_000) }]));
    registry.push(layout, 'team/app', 'v1', layout.image({ layers: [layer] }));
    registry.push(layout, 'team/closed', 'v1', layout.image({ layers: [layer] }));
    reference = `docker-image://${registry.host}/team/app:v1`;
    registry.intercept = (request, response) => answerOddly(request, response);
  });
  afterAll(() => registry.stop());

  /** User and password of the last request for a token. */
  let login = '';
  beforeEach(() => {
    login = '';
  });

  /** Blobs come from a signed address; one repository repeats in its refusal what it was sent; identity tokens are known. */
  function answerOddly(request: IncomingMessage, response: ServerResponse): boolean {
    const url = request.url ?? '';
    if (url.startsWith('/token')) {
      const pair = /^Basic (.*)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
      login = Buffer.from(pair, 'base64').toString();
    }
    const digest = /\/blobs\/(sha256:[0-9a-f]{64})$/.exec(url)?.[1];
    if (url.startsWith('/v2/team/closed/') && request.headers.authorization?.startsWith('Bearer ') === true) {
      const message = `refused to ${request.headers.authorization} of ${login}`;
      response.writeHead(403, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ errors: [{ code: 'DENIED', message, detail: request.headers }] }));
      return true;
    }
    if (url.startsWith('/token') && url.includes('team%2Fnone')) {
      const message = `no token for ${USER}:${PASSWORD}, ${request.headers.authorization}`;
      response.writeHead(400, { 'content-type': 'application/json', 'x-sent': request.headers.authorization });
      response.end(JSON.stringify({ error: 'invalid_grant', error_description: message, details: message }));
      return true;
    }
    if (request.method === 'POST' && url.startsWith('/token')) {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ access_token: 'token-of-the-test-registry', refresh_token: IDENTITY }));
      return true;
    }
    if (digest !== undefined && request.headers.authorization === 'Bearer token-of-the-test-registry') {
      response.writeHead(307, { location: `/signed/${digest}?X-Amz-Signature=${SIGNATURE}` });
      response.end();
      return true;
    }
    if (url.startsWith('/signed/')) {
      expect(url).toContain(SIGNATURE);
      const body = registry.blobs.get(/sha256:[0-9a-f]{64}/.exec(url)![0])!;
      // The first download is cut, so that a part of it and the note on how to go on lie in the store.
      const cut = body.length > 10 && !registry.log.some((entry) => entry !== registry.log.at(-1) && entry.url === url);
      response.writeHead(200, { 'content-length': body.length, etag: '"x"', 'accept-ranges': 'bytes' });
      if (cut) response.write(body.subarray(0, 5), () => response.destroy());
      else response.end(body);
      return true;
    }
    return false;
  }

  /** Every command that talks to a registry, one that succeeds and one that is refused, as talkative as can be. */
  function commands(): string[][] {
    const closed = reference.replace('/app', '/closed');
    return [
      ['key', reference, '-vv'],
      ['snapshot', reference, 'out', '-vv', '--progress', 'rawjson'],
      ['pull', reference, '-vv', '--json'],
      ['export', reference, '-o', 'type=oci,dest=image.tar', '-vv'],
      ['inspect', reference, '-vv', '--json'],
      ['lock', `base=${reference}`, '-vv'],
      ['auth', registry.host, '--test', '-vv'],
      ['auth', registry.host, '--test', '--json'],
      ['key', closed, '-vv'],
      ['snapshot', closed, 'none', '--json', '-vv'],
      ['key', `${reference}-missing`, '--json', '-vv', '--progress', 'rawjson'],
    ];
  }
  const ALLOWED = [0, 0, 0, 0, 0, 0, 0, 0, 4, 4, 3];
  /** Those of them that show how a credential was found and used, for the other kinds of credentials. */
  const few = (): string[][] => [1, 7, 9].map((index) => commands()[index]!);
  const FEW = [0, 0, 4];

  /** A home whose Docker configuration is the given one. */
  function homeWith(config: object): { home: string; keep: string[] } {
    const home = cliHome();
    mkdirSync(join(home, '.docker'));
    const file = join(home, '.docker/config.json');
    writeFileSync(file, JSON.stringify(config));
    return { home, keep: [file] };
  }

  const sent = (text: string): boolean => registry.log.some(({ headers }) => JSON.stringify(headers).includes(text));

  it('with a password in config.json', async () => {
    const options = homeWith({ auths: { [registry.host]: { auth: base64(`${USER}:${PASSWORD}`) } } });
    expect(await expectNoTrace(commands(), options)).toEqual(ALLOWED);
    expect(sent(base64(`${USER}:${PASSWORD}`))).toBe(true);
    expect(existsSync(join(options.home, 'cache/ctxsrc/index.json'))).toBe(true);
  });

  it('with an identity token', async () => {
    const options = homeWith({ auths: { [registry.host]: { identitytoken: IDENTITY } } });
    expect(await expectNoTrace(few(), options)).toEqual(FEW);
  });

  it('with a credential helper that says too much', async () => {
    const { home, keep } = homeWith({ credHelpers: { [registry.host]: 'planted' } });
    const bin = tempDir('bin');
    const helper = join(bin, 'docker-credential-planted');
    const answer = JSON.stringify({ ServerURL: registry.host, Username: USER, Secret: PASSWORD });
    writeFileSync(helper, `#!/bin/sh\necho 'debug: ${PASSWORD}' >&2\nsleep 0.05\necho '${answer}'\n`);
    chmodSync(helper, 0o755);
    const env = { PATH: `${bin}:${process.env.PATH}` };
    expect(await expectNoTrace(few(), { home, keep, env })).toEqual(FEW);
    // And one that fails with the secret on its lips.
    writeFileSync(helper, `#!/bin/sh\necho 'cannot give ${PASSWORD}' >&2\necho 'no ${PASSWORD}'\nexit 1\n`);
    const codes = await expectNoTrace(few(), { ...homeWith({ credHelpers: { [registry.host]: 'planted' } }), env });
    expect(codes).not.toContain(0);
  });

  it('with a password in the environment', async () => {
    const env = { CTXSRC_REGISTRY: registry.host, CTXSRC_USERNAME: USER, CTXSRC_PASSWORD: PASSWORD };
    expect(await expectNoTrace(few(), { env })).toEqual(FEW);
  });

  it('with a token in the environment that it does not take', async () => {
    const env = { CTXSRC_REGISTRY: registry.host, CTXSRC_TOKEN: OWN_TOKEN };
    expect(await expectNoTrace(few(), { env })).not.toContain(0);
    expect(sent(OWN_TOKEN)).toBe(true);
  });

  it('with a wrong password', async () => {
    const auths = { [registry.host]: { username: 'someone', password: `${PASSWORD}-no` } };
    expect(await expectNoTrace(few(), homeWith({ auths }))).not.toContain(0);
  });

  it('whose token service repeats what it was sent', async () => {
    const none = reference.replace('/app', '/none');
    const options = homeWith({ auths: { [registry.host]: { auth: base64(`${USER}:${PASSWORD}`) } } });
    const runs = [
      ['key', none, '-vv', '--retry', '0'],
      ['key', none, '--json', '-vv', '--progress', 'rawjson', '--retry', '0'],
    ];
    expect(await expectNoTrace(runs, options)).not.toContain(0);
    expect(registry.log.some(({ url }) => url.startsWith('/token') && url.includes('team%2Fnone'))).toBe(true);
  });

  it('with a configuration that is no JSON', async () => {
    const { home, keep } = homeWith({});
    writeFileSync(keep[0]!, `{"auths": {"${registry.host}": {"auth": "${base64(`${USER}:${PASSWORD}`)}" "x"}}}`);
    expect(await expectNoTrace(few(), { home, keep })).not.toContain(0);
  });
});

describe('a proxy', () => {
  let server: Server;
  const passed: string[] = [];
  let upstream: TestRegistry;
  let proxy: string;

  beforeAll(async () => {
    upstream = await TestRegistry.start();
    const layout = new LayoutBuilder();
    upstream.push(
      layout,
      'team/app',
      'v1',
      layout.image({ layers: [layout.layer(tar([{ name: 'x', content: 'x' }]))] }),
    );
    server = createServer((request, response) => {
      passed.push(request.headers['proxy-authorization'] ?? '');
      const { pathname, search } = new URL(request.url ?? '');
      const options = { method: request.method, headers: { accept: request.headers.accept ?? '*/*' } };
      httpRequest(`http://${upstream.host}${pathname}${search}`, options, (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(response);
      }).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    proxy = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    server.closeAllConnections();
    server.close();
    await upstream.stop();
  });

  it('with a password, that works and that is not there', async () => {
    const host = 'registry.example:5000';
    const runs = [
      ['key', `docker-image://${host}/team/app:v1`, '--plain-http', host, '-vv', '--retry', '0'],
      ['snapshot', `docker-image://${host}/team/app:v1`, 'out', '--plain-http', host, '-vv', '--retry', '0', '--json'],
    ];
    const through = (address: string) => ({ env: { HTTP_PROXY: `http://${USER}:${PASSWORD}@${address}` } });
    expect(await expectNoTrace(runs, through(proxy))).toEqual([0, 0]);
    expect(passed).toContain(`Basic ${base64(`${USER}:${PASSWORD}`)}`);
    expect(await expectNoTrace(runs, through('127.0.0.1:1'))).not.toContain(0);
  });
});

describe('git and http', () => {
  it('with a token file, of a server that repeats it', async () => {
    const server = createServer((request, response) => {
      response.writeHead(403, { 'x-sent': request.headers.authorization });
      response.end(`refused: ${request.headers.authorization}`);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const token = join(tempDir('token'), 'token');
      writeFileSync(token, `${OWN_TOKEN}\n`);
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/file.txt`;
      const flags = ['--auth-token-file', token, '-vv', '--retry', '0'];
      const runs = [[], ['--json'], ['--progress', 'rawjson']].map((form) => ['key', url, ...flags, ...form]);
      expect(await expectNoTrace(runs, {})).toEqual([4, 4, 4]);
    } finally {
      server.close();
    }
  });

  it.skipIf(!needs('git'))('with a token file', async () => {
    const root = tempDir('git');
    const repository = join(root, 'repo.git');
    initBare(repository);
    commit(repository, 'refs/heads/main', { f: 'content' });
    const refuses = (request: IncomingMessage, response: ServerResponse): boolean => {
      if (request.headers.authorization?.includes(base64(`x-access-token:${OWN_TOKEN}`)) === true) return false;
      response.writeHead(401, { 'www-authenticate': 'Basic realm="test"' });
      response.end(`not with ${request.headers.authorization}`);
      return true;
    };
    const git = await serveGit(root, { intercept: refuses });
    const file = createServer((request, response) => {
      response.writeHead(request.headers.authorization === `Bearer ${OWN_TOKEN}` ? 200 : 401);
      response.end(`you sent ${request.headers.authorization === undefined ? 'nothing' : 'something'}`);
    });
    await new Promise<void>((resolve) => file.listen(0, '127.0.0.1', resolve));
    try {
      const secrets = tempDir('token');
      const token = join(secrets, 'token');
      writeFileSync(token, `${OWN_TOKEN}\n`);
      const url = `${git.origin}/repo.git`;
      const http = `http://127.0.0.1:${(file.address() as AddressInfo).port}/file.txt`;
      const flags = ['--auth-token-file', token, '-vv'];
      const codes = await expectNoTrace(
        [
          ['key', url, ...flags],
          ['snapshot', url, 'out', ...flags],
          ['key', http, ...flags],
          ['snapshot', http, 'out2', ...flags, '--progress', 'rawjson'],
          ['key', `${url}#nowhere`, ...flags, '--json'],
        ],
        {},
      );
      expect(codes).toEqual([0, 0, 0, 0, 3]);
      expect(
        git.requests.some(({ authorization }) => authorization?.includes(base64(`x-access-token:${OWN_TOKEN}`))),
      ).toBe(true);
    } finally {
      await git.close();
      file.close();
    }
  });
});
