/** Who is told what an http source is asked with: headers, users and passwords, and reasons of refusals. */
import { writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { netrcEntry } from '../../../src/source/http/netrc.ts';
import { digestOf } from '../../support/layout-builder.ts';
import { newJob } from '../../support/source-env.ts';
import { tempDir } from '../../support/temp.ts';
import { openHttp } from './http-source.ts';

const closing: (() => void)[] = [];
afterAll(() => {
  for (const close of closing) close();
});

interface Peer {
  readonly origin: string;
  readonly seen: IncomingMessage['headers'][];
}

async function serve(handler: (request: IncomingMessage, response: ServerResponse) => void): Promise<Peer> {
  const seen: IncomingMessage['headers'][] = [];
  const server = createServer((request, response) => {
    seen.push(request.headers);
    handler(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

function netrcFile(text: string): string {
  const file = join(tempDir('netrc'), 'netrc');
  writeFileSync(file, text);
  return file;
}

const basicOf = (pair: string): string => `Basic ${Buffer.from(pair).toString('base64')}`;

describe('headers', () => {
  it('go to the origin of the URL alone, but for the two that are in the key', async () => {
    const other = await serve((_request, response) => response.end('there'));
    const first = await serve((request, response) => {
      const location = request.url === '/f' ? '/g' : `${other.origin}/h`;
      response.writeHead(302, { location }).end();
    });
    const header = ['X-Api-Key: planted', 'Accept: a/b', 'User-Agent: me/1'];
    await (await openHttp(`${first.origin}/f`, { header })).cacheKey(newJob(), 0);
    const keyed = { accept: 'a/b', 'user-agent': 'me/1' };
    expect(first.seen).toMatchObject([
      { ...keyed, 'x-api-key': 'planted' },
      { ...keyed, 'x-api-key': 'planted' },
    ]);
    expect(other.seen).toMatchObject([keyed]);
    expect(JSON.stringify(other.seen)).not.toContain('planted');
  });

  it('that differ ask for different bodies', async () => {
    const peer = await serve((request, response) => {
      response.setHeader('etag', '"same"');
      if (request.headers['if-none-match'] !== undefined) response.writeHead(304).end();
      else response.end(`for ${request.headers['x-user']}`);
    });
    const ask = async (user: string, store?: Awaited<ReturnType<typeof openHttp>>) =>
      (await (store ?? (await openHttp(`${peer.origin}/f`, { header: [`X-User: ${user}`] }))).cacheKey(newJob(), 0))
        .pin;
    expect(await ask('a')).toBe(digestOf('for a'));
    expect(await ask('b')).toBe(digestOf('for b'));
  });
});

describe('a netrc file', () => {
  it('gives user and password by host, in any of its forms', () => {
    const text = [
      '# machine commented login no password no',
      'machine one.example login me password p#ss # and nothing else',
      'macdef init',
      'machine macro.example login no password no',
      '',
      'machine two.example',
      '  login "with \\"blank\\" in"',
      '\tpassword #hash',
      '  account x',
      'machine token.example password only',
      'machine empty.example',
      'machine one.example login second password second',
      'default login anonymous password everybody',
    ].join('\n');
    expect(netrcEntry(text, 'one.example')).toEqual({ login: 'me', password: 'p#ss' });
    expect(netrcEntry(text, 'two.example')).toEqual({ login: 'with "blank" in', password: '#hash' });
    expect(netrcEntry(text, 'token.example')).toEqual({ login: '', password: 'only' });
    for (const host of ['commented', 'macro.example', 'empty.example', 'other.example', 'example', 'me']) {
      expect(netrcEntry(text, host), host).toBeUndefined();
    }
    for (const odd of ['', 'machine', 'machine x login', 'login a password b', 'machine x login a machine y']) {
      expect(() => netrcEntry(odd, 'x')).not.toThrow();
    }
  });

  it('is used for its hosts, and not taken along by a redirect', async () => {
    const other = await serve((_request, response) => response.end('there'));
    const peer = await serve((request, response) => {
      if (request.headers.authorization !== basicOf('me:p:ss')) {
        response.writeHead(401, { 'www-authenticate': 'Basic realm="x"', 'content-type': 'text/plain' });
        response.end(`no ${request.headers.authorization}, ask the desk`);
      } else response.writeHead(302, { location: other.origin }).end();
    });
    const netrc = netrcFile('machine 127.0.0.1 login me password p:ss');
    const key = await (await openHttp(`${peer.origin}/f`, {}, undefined, { network: { netrc } })).cacheKey(newJob(), 0);
    expect(key.pin).toBe(digestOf('there'));
    expect(other.seen[0]?.authorization).toBeUndefined();
    const closed = await serve((_request, response) => response.writeHead(401).end());
    const moved = await serve((_request, response) => response.writeHead(301, { location: closed.origin }).end());
    await expect(
      (await openHttp(`${moved.origin}/f`, {}, undefined, { network: { netrc } })).cacheKey(newJob(), 0),
    ).rejects.toMatchObject({
      hint: expect.stringContaining(`it redirects to ${closed.origin}, where no credential goes`),
    });
    await expect((await openHttp(`${peer.origin}/f`)).cacheKey(newJob(), 0)).rejects.toMatchObject({
      code: 'E_UNAUTHORIZED',
      message: expect.stringContaining('(no undefined, ask the desk)'),
      hint: 'give user and password with --netrc FILE, where FILE has: machine 127.0.0.1 login USER password PASSWORD',
    });
    const wrong = netrcFile('machine 127.0.0.1 login me password planted-pw');
    const refused = (await openHttp(`${peer.origin}/f`, {}, undefined, { network: { netrc: wrong } })).cacheKey(
      newJob(),
      0,
    );
    await expect(refused).rejects.toMatchObject({
      message: expect.stringContaining('(no ***, ask the desk)'),
      hint: expect.stringContaining('the credential is right'),
    });
  });

  it('is refused where it cannot be used safely, and when it is not there', async () => {
    const ask = async (netrc: string, more: object = {}) =>
      (
        await openHttp('http://registry.invalid/f', {}, undefined, {
          network: { netrc, allowAddress: [], ...more },
        })
      ).cacheKey(newJob(), 0);
    const netrc = netrcFile('machine registry.invalid login me password pw');
    await expect(ask(netrc)).rejects.toMatchObject({
      code: 'E_UNSAFE',
      hint: expect.stringContaining('--plain-http registry.invalid'),
    });
    await expect(ask(netrc, { plainHttp: ['registry.invalid'] })).rejects.toMatchObject({ code: 'E_NETWORK' });
    await expect(
      ask(netrcFile('machine registry.invalid login a:b password pw'), { plainHttp: ['registry.invalid'] }),
    ).rejects.toMatchObject({ code: 'E_CREDENTIALS' });
    await expect(ask('/nowhere/netrc')).rejects.toMatchObject({ code: 'E_PATH_NOT_FOUND' });
  });
});

it('no token goes to another machine where others can read it', async () => {
  const file = join(tempDir('token'), 'token');
  writeFileSync(file, 'planted-token\n');
  const ask = async (
    attributes: Readonly<Record<string, string>>,
    secrets: Readonly<Record<string, string>>,
    plainHttp: readonly string[] = [],
  ) =>
    (await openHttp('http://registry.invalid/f', attributes, undefined, { network: { plainHttp } })).cacheKey(
      newJob({ secrets }),
      0,
    );
  const ways = [
    [{ 'auth-token-file': file }, {}],
    [{}, { HTTP_AUTH_TOKEN: 'planted-token' }],
    [{}, { 'HTTP_AUTH_TOKEN.registry.invalid': 'planted-token' }],
    [{}, { HTTP_AUTH_HEADER: 'Basic planted-token' }],
  ] as const;
  for (const [attributes, secrets] of ways) {
    await expect(ask(attributes, secrets)).rejects.toMatchObject({
      code: 'E_UNSAFE',
      message: expect.not.stringContaining('planted'),
      hint: expect.stringContaining('--plain-http registry.invalid'),
    });
    await expect(ask(attributes, secrets, ['registry.invalid'])).rejects.toMatchObject({ code: 'E_NETWORK' });
  }
});

it('shows why a server refused, without the page that says so', async () => {
  const peer = await serve((_request, response) => {
    response.writeHead(403, { 'content-type': 'text/html' });
    response.end('<html><head><title>Blocked by \u001b[31mpolicy</title></head><body>…</body></html>');
  });
  await expect((await openHttp(`${peer.origin}/f`)).cacheKey(newJob(), 0)).rejects.toMatchObject({
    code: 'E_FORBIDDEN',
    message: expect.stringMatching(/access denied \(Blocked by \S*\[31mpolicy\)$/),
    hint: expect.stringContaining('--auth-token-file FILE, or user and password with --netrc FILE'),
  });
});
