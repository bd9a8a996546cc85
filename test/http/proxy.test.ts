import { createServer as createHttp, type IncomingMessage, type Server, STATUS_CODES } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { CtxsrcError } from '../../src/core/errors.ts';
import { createHttpClient } from '../../src/http/client.ts';
import { USER_AGENT } from '../../src/http/headers.ts';
import { proxyAuthorization, proxyFor } from '../../src/http/proxy.ts';
import { networkOptions, TestClock, testJob } from '../support/registry-job.ts';

describe('proxyFor', () => {
  const https = new URL('https://registry.example/v2/');
  const http = new URL('http://registry.example:8080/v2/');
  const env = { HTTPS_PROXY: 'http://secure.example:3128', http_proxy: 'plain.example:3128' };

  it('chooses by the scheme of the URL, in upper or lower case', () => {
    expect(proxyFor(https, env)?.url.href).toBe('http://secure.example:3128/');
    expect(proxyFor(http, env)?.url.href).toBe('http://plain.example:3128/');
    expect(proxyFor(http, { HTTPS_PROXY: 'http://secure.example:3128' })).toBeUndefined();
    expect(proxyFor(https, { HTTPS_PROXY: '' })).toBeUndefined();
    expect(proxyFor(https, { ...env, ALL_PROXY: 'http://all.example:3128' })?.variable).toBe('HTTPS_PROXY');
    expect(proxyFor(http, { HTTPS_PROXY: 'x:1', all_proxy: 'all.example:3128' })).toMatchObject({
      variable: 'all_proxy',
      url: new URL('http://all.example:3128/'),
    });
  });

  it.each(['http://localhost:5000/', 'http://127.0.0.1/', 'https://[::1]:5000/'])(
    'never sends %s to a proxy',
    (url) => {
      expect(proxyFor(new URL(url), { HTTP_PROXY: 'http://p:1', HTTPS_PROXY: 'http://p:1' })).toBeUndefined();
    },
  );

  it.each([
    ['*', true],
    ['registry.example', true],
    ['example', true],
    ['.example', true],
    ['*.example', true],
    ['other.example, registry.example', true],
    ['REGISTRY.EXAMPLE', true],
    ['registry.example:443', true],
    ['registry.example:5000', false],
    ['gistry.example', false],
    ['.registry.example', false],
    ['10.0.0.0/8', false],
    ['', false],
  ])('NO_PROXY=%s', (list, direct) => {
    expect(proxyFor(https, { ...env, NO_PROXY: list }) === undefined).toBe(direct);
  });

  it.each([
    ['10.0.0.0/8', 'https://10.9.8.7/', true],
    ['10.0.0.0/8', 'https://11.9.8.7/', false],
    ['10.9.8.7', 'https://10.9.8.7:5000/', true],
    ['2001:db8::/32', 'https://[2001:db8::5]/', true],
    ['2001:db8::/32', 'https://[2001:db9::5]/', false],
    ['8.7', 'https://10.9.8.7/', false],
    ['10.0.0.0/99', 'https://10.9.8.7/', false],
  ])('NO_PROXY=%s for %s', (list, url, direct) => {
    expect(proxyFor(new URL(url), { ...env, no_proxy: list }) === undefined).toBe(direct);
  });

  it.each(['socks5://p:1', 'http://', 'ftp://user:hunter22@p', 'http://user:hunter22%zz@p'])(
    'refuses %s without showing it',
    (text) => {
      try {
        proxyFor(https, { HTTPS_PROXY: text });
        expect.unreachable();
      } catch (error) {
        expect(error).toMatchObject({ code: 'E_CONFIG' });
        expect(String(error)).not.toContain('hunter22');
      }
    },
  );

  it('makes a header of the user in a proxy URL', () => {
    expect(proxyAuthorization(new URL('http://me:p%40ss@p:1'))).toBe(
      `Basic ${Buffer.from('me:p@ss').toString('base64')}`,
    );
    expect(proxyAuthorization(new URL('http://p:1'))).toBeUndefined();
  });
});

describe('requests through a proxy', () => {
  const open: { server: Server; sockets: Set<Socket> }[] = [];
  afterEach(async () => {
    for (const { server, sockets } of open.splice(0)) {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    }
  });

  async function listen(server: Server): Promise<number> {
    const sockets = new Set<Socket>();
    server.on('connection', (socket) => sockets.add(socket));
    open.push({ server, sockets });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  }

  it('go to it with the whole URL when they are plain HTTP', async () => {
    const seen: IncomingMessage[] = [];
    const port = await listen(
      createHttp((request, response) => {
        seen.push(request);
        response.end('from the proxy');
      }),
    );
    const client = createHttpClient({
      network: networkOptions(),
      env: { HTTP_PROXY: `http://me:pw@127.0.0.1:${port}` },
    });
    const subject = { host: 'registry.test', kind: 'file', what: 'it' } as const;
    const answer = await client.fetch(
      testJob(),
      { method: 'GET', url: new URL('http://registry.test/x?y=1'), subject },
      100,
    );
    await client.close();
    expect(Buffer.from(answer.bytes).toString()).toBe('from the proxy');
    expect(seen[0]?.url).toBe('http://registry.test/x?y=1');
    expect(seen[0]?.headers.host).toBe('registry.test');
    expect(seen[0]?.headers['proxy-authorization']).toBe(`Basic ${Buffer.from('me:pw').toString('base64')}`);
  });

  it('say that the proxy wants a password, and do not insist', async () => {
    let asked = 0;
    const server = createHttp();
    server.on('connect', (_request, socket) => {
      asked += 1;
      socket.end('HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n');
    });
    const port = await listen(server);
    const client = createHttpClient({ network: networkOptions(), env: { HTTPS_PROXY: `http://127.0.0.1:${port}` } });
    const subject = { host: 'registry.test', kind: 'file', what: 'it' } as const;
    const asking = client.fetch(testJob(), { method: 'GET', url: new URL('https://registry.test/'), subject }, 100);
    await expect(asking).rejects.toMatchObject({
      code: 'E_UNAUTHORIZED',
      exit: 4,
      message: expect.stringContaining(
        `127.0.0.1:${port} refused the connection with status 407 (Proxy Authentication`,
      ),
      hint: expect.stringContaining('HTTPS_PROXY'),
    });
    await client.close();
    expect(asked).toBe(1);
  });

  it.each(['http', 'https'])('name the proxy, its reason and the variable that names it (%s)', async (scheme) => {
    let answer: [status: number, headers: Record<string, string>, body: string] = [500, {}, ''];
    const server = createHttp((_request, response) => {
      response.writeHead(answer[0], answer[1]).end(answer[2]);
    });
    server.on('connect', (_request, socket) => {
      const [status, headers, body] = answer;
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
      socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n`);
      socket.end(body);
    });
    const port = await listen(server);
    const subject = { host: 'registry.test', kind: 'file', what: 'it' } as const;
    async function failureBy(proxy: string): Promise<CtxsrcError> {
      const client = createHttpClient({
        network: networkOptions({ retry: 0 }),
        env: { ALL_PROXY: proxy },
        clock: new TestClock(),
      });
      const url = new URL(`${scheme}://registry.test/`);
      const failure = await client.fetch(testJob(), { method: 'GET', url, subject }, 100).catch((error) => error);
      await client.close();
      return failure as CtxsrcError;
    }
    const proxy = `http://me:hunter22@127.0.0.1:${port}`;
    const text = { 'content-type': 'text/plain', 'content-length': '30' };
    answer = [407, text, 'the user hunter22 is not known'];
    expect(await failureBy(proxy)).toMatchObject({
      code: 'E_UNAUTHORIZED',
      message: `cannot get it from registry.test: the proxy 127.0.0.1:${port} refused the connection with status 407 (the user *** is not known)`,
      hint: 'put USER:PASSWORD@ into the URL of ALL_PROXY, or registry.test into NO_PROXY',
    });
    answer = [503, { 'x-squid-error': 'ERR_DNS_FAIL 0', 'content-length': '13' }, '<html></html>'];
    expect(await failureBy(proxy)).toMatchObject({
      code: 'E_NETWORK',
      message: expect.stringMatching(/the proxy 127\.0\.0\.1:\d+ refused .* status 503 \(ERR_DNS_FAIL\)$/),
    });
    const down = await failureBy('http://me:hunter22@127.0.0.1:1');
    expect(down).toMatchObject({
      code: 'E_NETWORK',
      exit: 75,
      message: 'cannot get it from registry.test: no connection to the proxy 127.0.0.1:1: connection refused',
      hint: 'check ALL_PROXY, or put registry.test into NO_PROXY',
    });
    expect(await failureBy('http://proxy.invalid:1')).toMatchObject({
      code: 'E_NETWORK',
      message: expect.stringContaining('no connection to the proxy proxy.invalid:1: the host name'),
      hint: expect.stringContaining('ALL_PROXY'),
    });
  });

  it('try again when the tunnel breaks, and name the proxy in the end', async () => {
    let asked = 0;
    const server = createHttp();
    server.on('connect', (request, socket) => {
      asked += 1;
      expect(request.url).toBe('registry.test:443');
      expect(request.headers['user-agent']).toBe(USER_AGENT);
      // A tunnel to a server that says nothing that is TLS.
      const far = connect({ host: '127.0.0.1', port });
      far.on('error', () => undefined);
      socket.on('error', () => undefined);
      if (asked === 1) socket.destroy();
      else socket.end('HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n');
      far.destroy();
    });
    const port = await listen(server);
    const client = createHttpClient({
      network: networkOptions({ retry: 2 }),
      env: { HTTPS_PROXY: `http://127.0.0.1:${port}` },
      clock: new TestClock(),
    });
    const subject = { host: 'registry.test', kind: 'file', what: 'it' } as const;
    const asking = client.fetch(testJob(), { method: 'GET', url: new URL('https://registry.test/'), subject }, 100);
    await expect(asking).rejects.toMatchObject({ code: 'E_NETWORK', message: expect.stringContaining('proxy') });
    await client.close();
    expect(asked).toBe(3);
  });
});
