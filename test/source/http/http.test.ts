import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Attributes, SourceInstance, Store } from '../../../src/contract/index.ts';
import { isCtxsrcError } from '../../../src/core/errors.ts';
import { source } from '../../../src/source/http.ts';
import { FaultProxy } from '../../support/fault-proxy.ts';
import { needs, which } from '../../support/needs.ts';
import { dropBlobs, type EnvOptions, newEnv, newJob, newStore, writeSnapshot } from '../../support/source-env.ts';
import { tempDir } from '../../support/temp.ts';
import { listTree } from '../../support/tree.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

const digestOf = (data: string | Buffer) => `sha256:${createHash('sha256').update(data).digest('hex')}`;

async function open(
  url: string,
  attrs: Attributes = {},
  store?: Store,
  options: EnvOptions = {},
): Promise<SourceInstance> {
  const [scheme = '', rest = ''] = url.split(/:\/\/(.*)/s);
  const id = source.identify({ scheme, rest, text: url }, attrs);
  return source.resolve(id, newEnv(store ?? (await newStore()), options));
}

async function code(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (isCtxsrcError(error)) return error.code;
    throw error;
  }
  throw new Error('no failure');
}

const usage = (rest: string, attrs: Attributes = {}): string => {
  try {
    source.identify({ scheme: 'https', rest, text: '' }, attrs);
  } catch (error) {
    if (isCtxsrcError(error) && error.exit === 2) return error.message;
    throw error;
  }
  throw new Error(`${rest} was accepted`);
};

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
    const instance = await open(`${origin}/dir/file.txt?signature=x`);
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
    const { dir } = await writeSnapshot(await open(`${origin}/f`, { filename: '../x', perm: '0751' }));
    expect(listTree(dir, { omit: ['uid', 'gid', 'sha256'] })).toEqual([
      { path: 'x', type: 'file', mode: '0751', size: 5, mtime: '0' },
    ]);
    const owned = await writeSnapshot(await open(`${origin}/f`, { uid: '12', gid: '0x22' }));
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
    const first = await (await open(`${origin}/f`, {}, store)).cacheKey(newJob(), 0);
    const second = await (await open(`${origin}/f`, {}, store)).cacheKey(newJob(), 0);
    expect(second).toEqual(first);
    expect(requests.map((request) => request.headers[condition])).toEqual([undefined, value]);
    dropBlobs(store);
    expect(await (await open(`${origin}/f`, {}, store)).cacheKey(newJob(), 0)).toEqual(first);
    expect(requests[2]?.headers[condition]).toBeUndefined();
  });

  it('asks nothing for a key with a checksum, and refuses another body', async () => {
    handler = answer('hello');
    const store = await newStore();
    const right = await open(`${origin}/f`, { checksum: digestOf('hello') }, store);
    expect((await right.cacheKey(newJob(), 0)).pin).toBe(digestOf('hello'));
    expect(requests).toHaveLength(0);
    await writeSnapshot(right);
    const offline = await open(`${origin}/f`, { checksum: digestOf('hello') }, store, { offline: true });
    expect(readFileSync(join((await writeSnapshot(offline)).dir, 'f'), 'utf8')).toBe('hello');
    expect(requests).toHaveLength(1);
    const sha512 = `sha512:${createHash('sha512').update('hello').digest('hex')}`;
    expect(
      readFileSync(join((await writeSnapshot(await open(`${origin}/f`, { checksum: sha512 }))).dir, 'f'), 'utf8'),
    ).toBe('hello');
    expect(await code(writeSnapshot(await open(`${origin}/f`, { checksum: digestOf('other') })))).toBe(
      'E_CHECKSUM_MISMATCH',
    );
    expect(await code((await open(`${origin}/f`, {}, store, { offline: true })).cacheKey(newJob(), 0))).toBe(
      'E_OFFLINE',
    );
    const missing = await open(`${origin}/f`, { checksum: digestOf('hello') }, undefined, { offline: true });
    expect(await code(writeSnapshot(missing))).toBe('E_OFFLINE');
  });

  it('fetches again what was collected, and notices that it changed', async () => {
    handler = answer('hello');
    const store = await newStore();
    const instance = await open(`${origin}/f`, {}, store);
    await instance.cacheKey(newJob(), 0);
    dropBlobs(store);
    expect(readFileSync(join((await writeSnapshot(instance)).dir, 'f'), 'utf8')).toBe('hello');
    const other = await open(`${origin}/g`, {}, store);
    await other.cacheKey(newJob(), 0);
    dropBlobs(store);
    handler = answer('changed');
    expect(await code(writeSnapshot(other))).toBe('E_DRIFT');
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
    expect(await code((await open(`${origin}/f`, {}, store)).cacheKey(newJob(), 0))).toBe('E_NETWORK');
    cut = false;
    requests = [];
    expect((await (await open(`${origin}/f`, {}, store)).cacheKey(newJob(), 0)).pin).toBe(digestOf(body));
    const ranges = requests.map((request) => request.headers.range).filter((range) => range !== undefined);
    expect(ranges).toHaveLength(1);
    expect(Number(/\d+/.exec(ranges[0] ?? '')?.[0])).toBeGreaterThan(100_000);
  });

  it('shares one download between two at once', async () => {
    handler = (_request, response) => void setTimeout(() => response.writeHead(200).end('hello'), 100);
    const store = await newStore();
    const [a, b] = [await open(`${origin}/f`, {}, store), await open(`${origin}/f`, {}, store)];
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
      const instance = await open(`http://${proxy.host}/f`, {}, undefined, { network: { retry: 5, maxWait: 60_000 } });
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
      const instance = await open(`${origin}/f`, { 'auth-token-file': token });
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
    expect(await code((await open(`${origin}/f`)).cacheKey(newJob(), 0))).toBe('E_REGISTRY_PROTOCOL');
  });

  it('uses secrets of the session', async () => {
    handler = (request, response) => response.end(request.headers.authorization ?? 'none');
    const host = new URL(origin).host;
    const pin = async (secrets: Record<string, string>) =>
      (await (await open(`${origin}/f`)).cacheKey(newJob({ secrets }), 0)).pin;
    expect(await pin({ HTTP_AUTH_TOKEN: 'a', [`HTTP_AUTH_TOKEN.${host}`]: 'b' })).toBe(digestOf('Bearer b'));
    expect(await pin({ HTTP_AUTH_HEADER: 'Basic eA==' })).toBe(digestOf('Basic eA=='));
    expect(await pin({ 'HTTP_AUTH_TOKEN.other': 'c' })).toBe(digestOf('none'));
    expect(await code(pin({ HTTP_AUTH_TOKEN: 'a\nX: y' }))).toBe('E_CREDENTIALS');
  });

  it('takes the file out of an encoding that was not asked for, as Go does', async () => {
    handler = answer(gzipSync('hello'), { 'content-encoding': 'gzip' });
    expect((await (await open(`${origin}/f`)).cacheKey(newJob(), 0)).pin).toBe(digestOf('hello'));
    handler = answer('no gzip', { 'content-encoding': 'gzip' });
    expect(await code((await open(`${origin}/f`)).cacheKey(newJob(), 0))).toBe('E_ARCHIVE_INVALID');
  });

  it.each([
    [401, 'E_UNAUTHORIZED'],
    [403, 'E_FORBIDDEN'],
    [404, 'E_NOT_FOUND'],
    [418, 'E_REGISTRY_PROTOCOL'],
    [500, 'E_SERVER'],
  ])('status %i is %s', async (status, want) => {
    handler = answer('no', {}, status);
    expect(await code((await open(`${origin}/f`)).cacheKey(newJob(), 0))).toBe(want);
  });

  it('respects limits and aborts', async () => {
    handler = answer('hello');
    const instance = await open(`${origin}/f`);
    expect(await code(writeSnapshot(instance, { limits: { maxBytes: 4, maxFiles: 1, maxRatio: 10 } }))).toBe('E_LIMIT');
    handler = (_request, response) => void response.writeHead(200).write('x');
    const stop = new AbortController();
    const waiting = (await open(`${origin}/slow`)).cacheKey(newJob({ signal: stop.signal }), 0);
    setTimeout(() => stop.abort(), 100);
    await expect(waiting).rejects.toThrow(/abort/i);
    expect(await code((await open('http://127.0.0.1:1/f')).cacheKey(newJob(), 0))).toBe('E_NETWORK');
  });

  it('names what is wrong with a reference', () => {
    expect(usage('u:p@h/f')).toMatch(/no user and no password/);
    expect(usage('h/a b')).toMatch(/neither spaces/);
    expect(usage('h/%zz')).toMatch(/invalid escape/);
    expect(usage('')).toMatch(/no URL/);
    expect(usage('h/f', { checksum: 'sha256:abc' })).toMatch(/checksum digest length/);
    expect(usage('h/f', { perm: '0x' })).toMatch(/--perm is no number/);
    expect(usage('h/f', { perm: '08' })).toMatch(/--perm is no number/);
    expect(usage('h/f', { header: ['Authorization: x'] })).toMatch(/is a secret/);
    expect(usage('h/f', { header: ['Range: x'] })).toMatch(/not for --header/);
    expect(usage('h/f', { header: ['x'] })).toMatch(/is no header/);
    expect(usage('h/f', { header: ['A: x\r\nB: y'] })).toMatch(/is no header/);
    expect(usage('h/f', { header: ['A: x', 'a: y'] })).toMatch(/given twice/);
    expect(usage('h/f', { 'strip-components': 1 })).toMatch(/without --unpack/);
  });

  it('round-trips its identifiers', () => {
    for (const rest of ['h/f?x=1#y', 'H:8080/a%20b', 'h']) {
      const attrs = { filename: 'a', perm: '0644', header: ['accept: x'], unpack: true, 'strip-components': 1 };
      const id = source.identify({ scheme: 'https', rest, text: '' }, attrs);
      expect(String(id)).toBe(`https://${rest}`);
      expect(source.identify({ scheme: 'https', rest: String(id).slice(8), text: '' }, id.attributes)).toEqual(id);
    }
  });

  it('sends the headers asked for', async () => {
    handler = (request, response) => response.end(`${request.headers.accept} ${request.headers['x-y']}`);
    const instance = await open(`${origin}/f`, { header: ['accept: a/b', 'X-Y: z'] });
    const { pin, preimage } = await instance.cacheKey(newJob(), 0);
    expect(pin).toBe(digestOf('a/b z'));
    expect(preimage).toContain('"Header":[{"Name":"Accept","Value":"a/b"}]');
  });
});

describe.skipIf(!needs('nginx'))('http source and nginx', () => {
  let root: string;
  let port: number;
  let stop: () => Promise<void>;

  beforeAll(async () => {
    root = tempDir('nginx');
    mkdirSync(join(root, 'www'));
    port = await freePort();
    writeFileSync(
      join(root, 'nginx.conf'),
      `daemon off; master_process off; worker_processes 1; pid ${root}/pid; error_log ${root}/error.log;
       events { worker_connections 64; }
       http { access_log ${root}/access.log; client_body_temp_path ${root}/t1; proxy_temp_path ${root}/t2; fastcgi_temp_path ${root}/t3;
         uwsgi_temp_path ${root}/t4; scgi_temp_path ${root}/t5; gzip on; gzip_types text/plain; gzip_min_length 1; default_type text/plain;
         server { listen 127.0.0.1:${port}; root ${root}/www; location /old { return 301 /f.txt; } } }`,
    );
    const child = spawn(
      which('nginx') as string,
      ['-p', root, '-c', join(root, 'nginx.conf'), '-e', join(root, 'error.log')],
      { stdio: 'ignore' },
    );
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    stop = async () => {
      child.kill('SIGKILL');
      await ended;
    };
    for (let tries = 0; tries < 100 && !(await answers(port)); tries += 1)
      await new Promise((resolve) => setTimeout(resolve, 50));
  });
  afterAll(() => stop());

  it('reads, reuses, follows and finds nothing', async () => {
    writeFileSync(join(root, 'www', 'f.txt'), 'from nginx\n');
    const url = `http://127.0.0.1:${port}`;
    const store = await newStore();
    const first = await (await open(`${url}/f.txt`, {}, store)).cacheKey(newJob(), 0);
    expect(first.pin).toBe(digestOf('from nginx\n'));
    expect(first.preimage).toMatch(/"LastModTime":"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT"/);
    expect((await (await open(`${url}/f.txt`, {}, store)).cacheKey(newJob(), 0)).key).toBe(first.key);
    expect((await (await open(`${url}/old`, { filename: 'f.txt' }, store)).cacheKey(newJob(), 0)).key).toBe(first.key);
    expect(await code((await open(`${url}/none`, {}, store)).cacheKey(newJob(), 0))).toBe('E_NOT_FOUND');
    const log = readFileSync(join(root, 'access.log'), 'utf8')
      .trim()
      .split('\n')
      .filter((line) => line.includes('/f.txt'));
    expect(log.map((line) => / (\d{3}) /.exec(line)?.[1])).toEqual(['200', '304', '200']);
    writeFileSync(join(root, 'www', 'f.txt'), 'other bytes\n');
    expect((await (await open(`${url}/f.txt`, {}, store)).cacheKey(newJob(), 0)).pin).toBe(digestOf('other bytes\n'));
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function answers(port: number): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}/`).then(
    () => true,
    () => false,
  );
}

describe('http source, unpacking', () => {
  let server: Server;
  let origin: string;
  let body: Buffer;
  let files: string;

  beforeAll(async () => {
    server = createServer((_request, response) => response.end(body));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    files = tempDir('files');
    mkdirSync(join(files, 'top/bin'), { recursive: true });
    writeFileSync(join(files, 'top/bin/run'), '#!/bin/sh\n', { mode: 0o755 });
    writeFileSync(join(files, 'top/README'), 'read me\n'.repeat(100));
    writeFileSync(join(files, 'top/.wh.name'), 'no whiteout\n');
    execFileSync('ln', ['-s', 'bin/run', join(files, 'top/link')]);
  });
  afterAll(() => server.close());

  const pack = (command: string): Buffer => execFileSync('sh', ['-c', command], { cwd: files, maxBuffer: 1 << 26 });
  const unpack = async (attrs: Attributes = {}, options = {}) =>
    writeSnapshot(await open(`${origin}/a`, { unpack: true, ...attrs }), options);

  it.each([
    ['tar', 'tar -cf - top', []],
    ['tar.gz', 'tar -czf - top', ['gzip']],
    ['tar.zst', 'tar -cf - top | zstd -q', ['zstd']],
    ['tar.xz', 'tar -cf - top | xz', ['xz']],
    ['old tar', 'tar --format=v7 -cf - top', []],
    ['zip', 'zip -qry - top', ['zip']],
    ['zip without compression', 'zip -qry0 - top', ['zip']],
  ] as const)('unpacks %s', async (_name, command, tools) => {
    if (!needs('tar', ...tools)) return;
    body = pack(command);
    const { dir, report } = await unpack({ 'strip-components': 1 });
    expect(listTree(dir, { omit: ['mtime', 'uid', 'gid', 'sha256'] })).toEqual([
      { path: '.wh.name', type: 'file', mode: '0644', size: 12 },
      { path: 'README', type: 'file', mode: '0644', size: 800 },
      { path: 'bin', type: 'dir', mode: '0755' },
      { path: 'bin/run', type: 'file', mode: '0755', size: 10 },
      { path: 'link', type: 'symlink', mode: '0777', target: 'bin/run' },
    ]);
    expect(readFileSync(join(dir, 'link'), 'utf8')).toBe('#!/bin/sh\n');
    expect(report.files).toBe(5);
    const chosen = await unpack({}, { filter: { subpath: 'top', include: ['bin'], exclude: ['**/none'] } });
    expect(readdirSync(chosen.dir)).toEqual(['bin']);
    expect(await code(unpack({}, { filter: { subpath: 'nowhere' } }))).toBe('E_PATH_NOT_FOUND');
  });

  it('keeps the key of the body, whatever is unpacked', async () => {
    body = pack('tar -czf - top');
    const plain = await (await open(`${origin}/a`)).cacheKey(newJob(), 0);
    expect((await (await open(`${origin}/a`, { unpack: true })).cacheKey(newJob(), 0)).key).toBe(plain.key);
  });

  it('refuses what is no archive, or a broken one', async () => {
    for (const [bytes, want] of [
      [Buffer.from('just text'), 'E_ARCHIVE_INVALID'],
      [Buffer.from('<html>'.repeat(200)), 'E_ARCHIVE_INVALID'],
      [gzipSync('no tar inside'), 'E_ARCHIVE_INVALID'],
      [pack('tar -czf - top').subarray(0, 150), 'E_ARCHIVE_INVALID'],
      [pack('tar -cf - top').subarray(0, 1000), 'E_ARCHIVE_INVALID'],
    ] as const) {
      body = Buffer.from(bytes);
      expect(await code(unpack())).toBe(want);
    }
  });

  it.skipIf(!needs('xz'))('refuses broken and bloated xz', async () => {
    body = pack('tar -cf - top | xz').subarray(0, 200);
    expect(await code(unpack())).toBe('E_ARCHIVE_INVALID');
    body = execFileSync('sh', ['-c', 'head -c 90000000 /dev/zero | xz -0'], { maxBuffer: 1 << 26 });
    expect(await code(unpack())).toMatch(/^E_(LIMIT|ARCHIVE_INVALID)$/);
  });

  it('lets nothing out of the directory', async () => {
    const outside = tempDir('outside');
    const evil = join(files, 'evil.tar');
    writeFileSync(join(files, 'x'), 'x');
    for (const transform of ['s,x,../x,', `s,x,top/../../x,`]) {
      execFileSync('tar', ['-cPf', evil, `--transform=${transform}`, 'x'], { cwd: files });
      body = readFileSync(evil);
      expect(await code(unpack())).toBe('E_UNSAFE');
    }
    execFileSync(
      'sh',
      [
        '-c',
        `ln -s ${outside} out && tar -cf evil.tar out && rm out && mkdir out && echo x > out/f && tar -rf evil.tar out/f`,
      ],
      { cwd: files },
    );
    body = readFileSync(evil);
    const { dir } = await unpack();
    expect(existsSync(join(outside, 'f'))).toBe(false);
    expect(readdirSync(outside)).toEqual([]);
    expect(readdirSync(dir)).toContain('out');
  });
});
