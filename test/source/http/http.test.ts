/** Files behind a URL: what is asked for, kept, sent along and refused. */
import { createHash } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { VERSION } from '../../../src/core/version.ts';
import { source } from '../../../src/source/http/source.ts';
import { failureCode } from '../../support/failure-code.ts';
import { FaultProxy } from '../../support/fault-proxy.ts';
import { digestOf } from '../../support/layout-builder.ts';
import { dropBlobs, newJob, newStore, writeSnapshot } from '../../support/source-env.ts';
import { tempDir } from '../../support/temp.ts';
import { listTree } from '../../support/tree.ts';
import { openHttp } from './http-source.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

describe('http source', () => {
  let server: Server;
  let origin: string;
  let handler: Handler;
  let requests: IncomingMessage[];

  beforeAll(async () => {
    server = createServer((request, response) => {
      requests.push(request);
      handler(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  beforeEach(() => {
    requests = [];
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  const answer =
    (body: string | Buffer, headers: Record<string, string> = {}, status = 200): Handler =>
    (_request, response) => {
      response.writeHead(status, headers);
      response.end(body);
    };

  it('writes the file with name, mode and time, and its key needs one request', async () => {
    handler = answer('hello', { 'last-modified': 'Wed, 21 Oct 2015 07:28:00 GMT' });
    const instance = await openHttp(`${origin}/dir/file.txt?signature=x`);
    expect((await instance.cacheKey(newJob(), 0)).pin).toBe(digestOf('hello'));
    const { dir, report } = await writeSnapshot(instance);
    expect(listTree(dir, { omit: ['uid', 'gid'] })).toEqual([
      {
        path: 'file.txt',
        type: 'file',
        mode: '0600',
        size: 5,
        mtime: '1445412480000000000',
        sha256: digestOf('hello').slice(7),
      },
    ]);
    expect([...report.entries]).toMatchObject([{ path: 'file.txt', digest: digestOf('hello'), size: 5, mode: 0o600 }]);
    expect(requests).toHaveLength(1);
  });

  it('gives the file the attributes asked for', async () => {
    handler = answer('hello');
    const { dir } = await writeSnapshot(await openHttp(`${origin}/f`, { filename: '../x', perm: '0751' }));
    expect(listTree(dir, { omit: ['uid', 'gid', 'sha256'] })).toEqual([
      { path: 'x', type: 'file', mode: '0751', size: 5, mtime: '0' },
    ]);
    const owned = await writeSnapshot(await openHttp(`${origin}/f`, { uid: '12', gid: '0x22' }));
    const { uid, gid } = statSync(join(owned.dir, 'f'));
    if (process.getuid?.() === 0) expect([uid, gid, owned.report.losses]).toEqual([12, 34, []]);
    else expect(owned.report.lossCounts).toEqual({ owner: 1 });
  });

  it.each([
    ['an ETag', { etag: '"v1"' }, 'if-none-match', '"v1"'],
    ['a weak ETag', { etag: 'W/"v1"' }, 'if-none-match', 'W/"v1"'],
    [
      'Last-Modified',
      { 'last-modified': 'Wed, 21 Oct 2015 07:28:00 GMT' },
      'if-modified-since',
      'Wed, 21 Oct 2015 07:28:00 GMT',
    ],
  ])('does not receive again what %s says is the same', async (_what, headers, condition, value) => {
    const store = await newStore();
    handler = (request, response) => {
      if (request.headers[condition] === value) response.writeHead(304).end();
      else response.writeHead(200, headers as Record<string, string>).end('hello');
    };
    const first = await (await openHttp(`${origin}/f`, {}, store)).cacheKey(newJob(), 0);
    const second = await (await openHttp(`${origin}/f`, {}, store)).cacheKey(newJob(), 0);
    expect(second).toEqual(first);
    expect(requests.map((request) => request.headers[condition])).toEqual([undefined, value]);
    dropBlobs(store);
    expect(await (await openHttp(`${origin}/f`, {}, store)).cacheKey(newJob(), 0)).toEqual(first);
    expect(requests[2]?.headers[condition]).toBeUndefined();
  });

  it('asks nothing for a key with a checksum, and refuses another body', async () => {
    handler = answer('hello');
    const store = await newStore();
    const right = await openHttp(`${origin}/f`, { checksum: digestOf('hello') }, store);
    expect((await right.cacheKey(newJob(), 0)).pin).toBe(digestOf('hello'));
    expect(requests).toHaveLength(0);
    await writeSnapshot(right);
    const offline = await openHttp(`${origin}/f`, { checksum: digestOf('hello') }, store, { offline: true });
    expect(readFileSync(join((await writeSnapshot(offline)).dir, 'f'), 'utf8')).toBe('hello');
    expect(requests).toHaveLength(1);
    const sha512 = `sha512:${createHash('sha512').update('hello').digest('hex')}`;
    expect(
      readFileSync(join((await writeSnapshot(await openHttp(`${origin}/f`, { checksum: sha512 }))).dir, 'f'), 'utf8'),
    ).toBe('hello');
    expect(await failureCode(writeSnapshot(await openHttp(`${origin}/f`, { checksum: digestOf('other') })))).toBe(
      'E_CHECKSUM_MISMATCH',
    );
    expect(await failureCode((await openHttp(`${origin}/f`, {}, store, { offline: true })).cacheKey(newJob(), 0))).toBe(
      'E_OFFLINE',
    );
    const missing = await openHttp(`${origin}/f`, { checksum: digestOf('hello') }, undefined, { offline: true });
    expect(await failureCode(writeSnapshot(missing))).toBe('E_OFFLINE');
  });

  it('fetches again what was collected, and notices that it changed', async () => {
    handler = answer('hello');
    const store = await newStore();
    const instance = await openHttp(`${origin}/f`, {}, store);
    await instance.cacheKey(newJob(), 0);
    dropBlobs(store);
    expect(readFileSync(join((await writeSnapshot(instance)).dir, 'f'), 'utf8')).toBe('hello');
    const other = await openHttp(`${origin}/g`, {}, store);
    await other.cacheKey(newJob(), 0);
    dropBlobs(store);
    handler = answer('changed');
    expect(await failureCode(writeSnapshot(other))).toBe('E_DRIFT');
  });

  it('goes on with a partial body in the next run', async () => {
    const body = Buffer.alloc(400_000, 'abcdefg');
    const store = await newStore();
    let cut = true;
    handler = (request, response) => {
      const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
      const headers = { etag: '"v1"', 'content-length': String(body.length - from) };
      response.writeHead(
        from > 0 ? 206 : 200,
        from > 0 ? { ...headers, 'content-range': `bytes ${from}-${body.length - 1}/${body.length}` } : headers,
      );
      if (!cut) response.end(body.subarray(from));
      else response.write(body.subarray(from, 300_000), () => setTimeout(() => response.destroy(), 100));
    };
    expect(await failureCode((await openHttp(`${origin}/f`, {}, store)).cacheKey(newJob(), 0))).toBe('E_NETWORK');
    cut = false;
    requests = [];
    expect((await (await openHttp(`${origin}/f`, {}, store)).cacheKey(newJob(), 0)).pin).toBe(digestOf(body));
    const ranges = requests.map((request) => request.headers.range).filter((range) => range !== undefined);
    expect(ranges).toHaveLength(1);
    expect(Number(/\d+/.exec(ranges[0] ?? '')?.[0])).toBeGreaterThan(100_000);
  });

  it('shares one download between two at once', async () => {
    handler = (_request, response) => void setTimeout(() => response.writeHead(200).end('hello'), 100);
    const store = await newStore();
    const [a, b] = [await openHttp(`${origin}/f`, {}, store), await openHttp(`${origin}/f`, {}, store)];
    const keys = await Promise.all([a.cacheKey(newJob(), 0), b.cacheKey(newJob(), 0), a.cacheKey(newJob(), 1)]);
    expect(new Set(keys.map(({ key }) => key)).size).toBe(1);
    expect(requests).toHaveLength(1);
  });

  it('gets through a proxy that spoils what passes', async () => {
    const body = Buffer.alloc(300_000, 'x');
    handler = answer(body, { etag: '"a"' });
    const proxy = await FaultProxy.start(new URL(origin).host);
    try {
      proxy.plan = (_seen, nth) =>
        nth === 0
          ? { kind: 'reset' }
          : nth === 1
            ? { kind: 'answer', status: 503 }
            : nth === 2
              ? { kind: 'cut', at: 150_000 }
              : undefined;
      const instance = await openHttp(`http://${proxy.host}/f`, {}, undefined, {
        network: { retry: 5, maxWait: 60_000 },
      });
      expect((await instance.cacheKey(newJob(), 0)).pin).toBe(digestOf(body));
    } finally {
      await proxy.stop();
    }
  });

  it('follows redirects, and takes a token nowhere but to its host', async () => {
    const token = join(tempDir('token'), 'token');
    writeFileSync(token, 'secret-token\n');
    const seen: (string | undefined)[] = [];
    const elsewhere = createServer((request, response) => {
      seen.push(request.headers.authorization);
      response.end('there');
    });
    await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
    try {
      const target = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/other`;
      handler = (request, response) => {
        seen.push(request.headers.authorization);
        response.writeHead(302, { location: target }).end();
      };
      const instance = await openHttp(`${origin}/f`, { 'auth-token-file': token });
      const key = await instance.cacheKey(newJob(), 0);
      expect(key.pin).toBe(digestOf('there'));
      expect(key.preimage).toContain('"Filename":"f"');
      expect(seen).toEqual(['Bearer secret-token', undefined]);
      expect(JSON.stringify([key, source.identify({ scheme: 'http', rest: 'h/f', text: '' }, {})])).not.toContain(
        'secret',
      );
    } finally {
      elsewhere.close();
    }
    handler = (_request, response) => response.writeHead(302, { location: `${origin}/f` }).end();
    expect(await failureCode((await openHttp(`${origin}/f`)).cacheKey(newJob(), 0))).toBe('E_REGISTRY_PROTOCOL');
  });

  it('uses secrets of the session', async () => {
    handler = (request, response) => response.end(request.headers.authorization ?? 'none');
    const host = new URL(origin).host;
    const pin = async (secrets: Record<string, string>) =>
      (await (await openHttp(`${origin}/f`)).cacheKey(newJob({ secrets }), 0)).pin;
    expect(await pin({ HTTP_AUTH_TOKEN: 'a', [`HTTP_AUTH_TOKEN.${host}`]: 'b' })).toBe(digestOf('Bearer b'));
    expect(await pin({ HTTP_AUTH_HEADER: 'Basic eA==' })).toBe(digestOf('Basic eA=='));
    expect(await pin({ 'HTTP_AUTH_TOKEN.other': 'c' })).toBe(digestOf('none'));
    expect(await failureCode(pin({ HTTP_AUTH_TOKEN: 'a\nX: y' }))).toBe('E_CREDENTIALS');
  });

  it('takes the file out of an encoding that was not asked for, as Go does', async () => {
    handler = answer(gzipSync('hello'), { 'content-encoding': 'gzip' });
    expect((await (await openHttp(`${origin}/f`)).cacheKey(newJob(), 0)).pin).toBe(digestOf('hello'));
    handler = answer('no gzip', { 'content-encoding': 'gzip' });
    expect(await failureCode((await openHttp(`${origin}/f`)).cacheKey(newJob(), 0))).toBe('E_CONTENT_INVALID');
  });

  it.each([
    [401, 'E_UNAUTHORIZED'],
    [403, 'E_FORBIDDEN'],
    [404, 'E_NOT_FOUND'],
    [418, 'E_REGISTRY_PROTOCOL'],
    [500, 'E_SERVER'],
  ])('status %i is %s', async (status, want) => {
    handler = answer('no', {}, status);
    expect(await failureCode((await openHttp(`${origin}/f`)).cacheKey(newJob(), 0))).toBe(want);
  });

  it('respects limits and aborts', async () => {
    handler = answer('hello');
    const instance = await openHttp(`${origin}/f`);
    expect(await failureCode(writeSnapshot(instance, { limits: { maxBytes: 4, maxFiles: 1, maxRatio: 10 } }))).toBe(
      'E_LIMIT',
    );
    handler = (_request, response) => void response.writeHead(200).write('x');
    const stop = new AbortController();
    const waiting = (await openHttp(`${origin}/slow`)).cacheKey(newJob({ signal: stop.signal }), 0);
    setTimeout(() => stop.abort(), 100);
    await expect(waiting).rejects.toThrow(/abort/i);
    expect(await failureCode((await openHttp('http://127.0.0.1:1/f')).cacheKey(newJob(), 0))).toBe('E_NETWORK');
  });

  it('sends the headers asked for', async () => {
    handler = (request, response) => response.end(`${request.headers.accept} ${request.headers['x-y']}`);
    const instance = await openHttp(`${origin}/f`, { header: ['accept: a/b', 'X-Y: z'] });
    const { pin, preimage } = await instance.cacheKey(newJob(), 0);
    expect(pin).toBe(digestOf('a/b z'));
    expect(preimage).toContain('"Header":[{"Name":"Accept","Value":"a/b"}]');
  });

  it('says its name, which is in no key; one that the user gives is', async () => {
    handler = (request, response) =>
      request.headers['user-agent'] === undefined ? response.writeHead(403).end() : response.end('hello');
    const own = await (await openHttp(`${origin}/f`)).cacheKey(newJob(), 0);
    expect(own.preimage).not.toContain('ctxsrc/');
    const given = await (await openHttp(`${origin}/f`, { header: ['user-agent: x/1'] })).cacheKey(newJob(), 0);
    expect(given.preimage).toContain('"Header":[{"Name":"User-Agent","Value":"x/1"}]');
    expect(requests.map((request) => request.headers['user-agent'])).toEqual([`ctxsrc/${VERSION}`, 'x/1']);
  });
});
