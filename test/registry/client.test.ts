/** What the client asks for, how often, and what it makes of the answers of registries that are not quite right. */
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import type { NetworkOptions } from '../../src/contract/source.ts';
import { USER_AGENT } from '../../src/http/headers.ts';
import { createRegistryClient, type RegistryClient } from '../../src/registry/client.ts';
import { openStore } from '../../src/store/store.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { digestOf, LayoutBuilder } from '../support/layout-builder.ts';
import { type RegistryOptions, TestRegistry } from '../support/registry.ts';
import { networkOptions, TestClock, testJob } from '../support/registry-job.ts';
import { tempDir } from '../support/temp.ts';
import { serve } from './auth/challenging-server.ts';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const layout = new LayoutBuilder();
const layer = layout.blob(Buffer.alloc(100_000, 'layer '), 'application/vnd.oci.image.layer.v1.tar');
const root = layout.image({ layers: [{ descriptor: layer, diffId: layer.digest }] });

async function registry(options: RegistryOptions = {}): Promise<TestRegistry> {
  const started = await TestRegistry.start(options);
  closing.push(() => started.stop());
  started.push(layout, 'team/app', 'v1', root);
  return started;
}

async function proxyOf(upstream: TestRegistry): Promise<FaultProxy> {
  const started = await FaultProxy.start(upstream.host);
  closing.push(() => started.stop());
  return started;
}

function client(network: Partial<NetworkOptions> = {}, clock = new TestClock()): RegistryClient {
  const made = createRegistryClient({ network: networkOptions(network), env: {}, clock });
  closing.push(() => made.close());
  return made;
}

async function bytesOf(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(new Uint8Array(chunk));
  return Buffer.concat(chunks);
}

const at = (server: { readonly host: string }): { host: string; repository: string } => ({
  host: server.host,
  repository: 'team/app',
});

describe('resolve', () => {
  it('asks once, with HEAD', async () => {
    const server = await registry();
    const { descriptor, bytes } = await client().resolve(testJob(), at(server), 'v1');
    expect(descriptor).toEqual({ mediaType: root.mediaType, digest: root.digest, size: root.size });
    expect(bytes).toBeUndefined();
    expect(server.log.map((entry) => `${entry.method} ${entry.url}`)).toEqual(['HEAD /v2/team/app/manifests/v1']);
    expect(server.log[0]?.headers.accept).toContain('application/vnd.oci.image.index.v1+json');
  });

  it('emits an event for the request, without its query', async () => {
    const server = await registry();
    const job = testJob();
    await client().resolve(job, at(server), 'v1');
    expect(job.events).toEqual([
      {
        type: 'request',
        method: 'HEAD',
        url: `http://${server.host}/v2/team/app/manifests/v1`,
        status: 200,
        ms: expect.any(Number),
      },
    ]);
  });

  it.each(['content-type', 'content-length', 'docker-content-digest'])(
    'asks again with GET when HEAD says no %s',
    async (name) => {
      const server = await registry();
      const proxy = await proxyOf(server);
      proxy.plan = () => ({ kind: 'headers', headers: { [name]: undefined } });
      const { descriptor, bytes } = await client().resolve(testJob(), at(proxy), 'v1');
      expect(descriptor).toEqual({ mediaType: root.mediaType, digest: root.digest, size: root.size });
      expect(digestOf(bytes ?? '')).toBe(root.digest);
      expect(proxy.log.map((entry) => entry.method)).toEqual(['HEAD', 'GET']);
    },
  );

  it.each([400, 403, 404, 405, 501])('asks again with GET when HEAD is answered with %i', async (status) => {
    const server = await registry();
    const proxy = await proxyOf(server);
    proxy.plan = (seen) => (seen.method === 'HEAD' ? { kind: 'answer', status } : undefined);
    const { descriptor } = await client({ plainHttp: [proxy.host] }).resolve(testJob(), at(proxy), 'v1');
    expect(descriptor.digest).toBe(root.digest);
  });

  it.each([
    ['text', 'Blocked: 10.1.2.3 is not on\u001b[31m the list ', '(Blocked: 10.1.2.3 is not on\\x1b[31m the list)'],
    [
      'JSON',
      '{"errors":[{"code":"DENIED","message":"client with IP is not allowed"}]}',
      '(DENIED: client with IP is not allowed)',
    ],
    ['other JSON', '{"reason":"quota"}', '({"reason":"quota"})'],
    [
      'a page',
      '<!doctype html><head><title>Access blocked by policy 7</title></head><p>x',
      '(Access blocked by policy 7)',
    ],
    [
      'XML',
      '<?xml version="1.0"?><Error><Code>A</Code><Message>Request has expired</Message></Error>',
      '(Request has expired)',
    ],
    ['a page without a title', '<html>no</html>', 'access denied;'],
    ['bytes', '\0\u0001', 'access denied;'],
    ['much', 'x'.repeat(100_000), `(${'x'.repeat(300)}…)`],
  ])(
    'shows why GET is refused as well, from %s, and advises no login that nobody asked for',
    async (_form, body, said) => {
      const server = await registry({
        intercept: (request, response) => {
          response.writeHead(403).end(request.method === 'HEAD' ? undefined : body);
          return true;
        },
      });
      const error = await client()
        .resolve(testJob(), at(server), 'v1')
        .catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({
        code: 'E_FORBIDDEN',
        hint: expect.stringContaining('a login would change nothing'),
      });
      expect((error as Error).message).toContain(said);
      expect((error as Error).message).toContain('it asked for no credential');
      expect((error as Error).message.length).toBeLessThan(500);
    },
  );

  it('by a digest does not believe a registry that answers with another', async () => {
    const server = await registry();
    const proxy = await proxyOf(server);
    proxy.plan = (seen) =>
      seen.method === 'HEAD'
        ? { kind: 'headers', headers: { 'docker-content-digest': layer.digest } }
        : { kind: 'change' };
    await expect(client().resolve(testJob(), at(proxy), root.digest)).rejects.toMatchObject({
      code: 'E_DIGEST_MISMATCH',
    });
    proxy.plan = (seen) =>
      seen.method === 'HEAD' ? { kind: 'headers', headers: { 'docker-content-digest': layer.digest } } : undefined;
    expect((await client().resolve(testJob(), at(proxy), root.digest)).descriptor.digest).toBe(root.digest);
  });

  it('finds out a wrong Docker-Content-Digest when it has the content', async () => {
    const server = await registry();
    const proxy = await proxyOf(server);
    proxy.plan = () => ({
      kind: 'headers',
      headers: { 'content-length': undefined, 'docker-content-digest': layer.digest },
    });
    await expect(client().resolve(testJob(), at(proxy), 'v1')).rejects.toMatchObject({
      code: 'E_DIGEST_MISMATCH',
      details: { expected: layer.digest, found: root.digest },
    });
  });

  it('tells a missing tag from a missing repository, and which tags there are', async () => {
    const server = await registry();
    server.push(layout, 'team/app', 'v2-alpha', root);
    server.push(layout, 'team/app', 'latest', root);
    const job = testJob();
    await expect(client().resolve(job, at(server), 'v2')).rejects.toMatchObject({
      code: 'E_TAG_NOT_FOUND',
      exit: 3,
      message: expect.stringContaining(`${server.host}/team/app:v2`),
      details: { candidates: ['v1', 'v2-alpha', 'latest'] },
    });
    await expect(client().resolve(job, { host: server.host, repository: 'team/none' }, 'v1')).rejects.toMatchObject({
      code: 'E_NOT_FOUND',
    });
    // Docker shows it, and nothing can be asked for by it.
    const imageId = JSON.parse(layout.blobs.get(root.digest)!.toString()) as { config: { digest: string } };
    await expect(client().resolve(job, at(server), imageId.config.digest)).rejects.toMatchObject({
      code: 'E_NOT_FOUND',
      hint: expect.stringContaining('an image ID is none') as string,
    });
  });
});

describe('every request', () => {
  it('says who sends it: to the registry, its token server and where they redirect to', async () => {
    const nameless: string[] = [];
    const server: TestRegistry = await registry({
      auth: { kind: 'bearer' },
      intercept: (request, response) => {
        const named = request.headers['user-agent'] === USER_AGENT;
        if (!named) nameless.push(`${request.method} ${request.url}`);
        const moved = request.headers.authorization !== undefined && request.url?.includes('/blobs/') === true;
        if (named && !moved) return false;
        response.writeHead(named ? 307 : 403, named ? { location: '/token?moved' } : {}).end();
        return true;
      },
    });
    const own = client();
    await own.resolve(testJob(), at(server), 'v1');
    await own.manifest(testJob(), at(server), root.digest, root.size);
    expect(await bytesOf((await own.blob(testJob(), at(server), layer.digest)).body)).not.toHaveLength(0);
    expect(nameless).toEqual([]);
    expect(server.count('GET', /^\/token\?moved/)).toBe(1);
  });
});

describe('manifest', () => {
  it('is checked against digest and size', async () => {
    const server = await registry();
    const content = await client().manifest(testJob(), at(server), root.digest, root.size);
    expect(content.mediaType).toBe(root.mediaType);
    expect(digestOf(content.bytes)).toBe(root.digest);
    await expect(client().manifest(testJob(), at(server), root.digest, root.size + 1)).rejects.toMatchObject({
      code: 'E_SIZE_MISMATCH',
    });
  });

  it('over 4 MiB is not even asked for, or not read', async () => {
    const server = await registry();
    await expect(client().manifest(testJob(), at(server), root.digest, 5_000_000)).rejects.toMatchObject({
      code: 'E_LIMIT',
      exit: 8,
    });
    expect(server.log).toEqual([]);
    const proxy = await proxyOf(server);
    proxy.plan = () => ({ kind: 'pad', bytes: 4 * 1024 * 1024 });
    await expect(client().manifest(testJob(), at(proxy), root.digest)).rejects.toMatchObject({ code: 'E_LIMIT' });
  });

  it('gets its type from its content where the registry does not say it', async () => {
    const server = await registry();
    const proxy = await proxyOf(server);
    for (const type of [undefined, 'application/json', 'text/plain; charset=utf-8', 'application/octet-stream']) {
      proxy.plan = () => ({ kind: 'headers', headers: { 'content-type': type } });
      expect((await client().manifest(testJob(), at(proxy), root.digest)).mediaType).toBe(root.mediaType);
    }
  });

  it('that comes compressed, which was not asked for, is told as that; a header alone does no harm', async () => {
    const { bytes, mediaType } = await client().manifest(testJob(), at(await registry()), root.digest);
    for (const isPacked of [true, false]) {
      const headers = { 'content-type': mediaType, 'content-encoding': 'gzip' };
      const server = await serve(() => [200, headers, isPacked ? gzipSync(bytes) : Buffer.from(bytes)]);
      const asked = client().manifest(testJob(), at(server), root.digest);
      if (isPacked) await expect(asked).rejects.toThrow(/answered .* with a compressed body, which was not asked for$/);
      else expect((await asked).bytes).toEqual(bytes);
    }
  });

  it('of Docker keeps its type', async () => {
    const server = await registry();
    const docker = layout.image({ layers: [{ descriptor: layer, diffId: layer.digest }], family: 'docker' });
    server.push(layout, 'team/app', 'docker', docker);
    expect((await client().resolve(testJob(), at(server), 'docker')).descriptor.mediaType).toBe(
      'application/vnd.docker.distribution.manifest.v2+json',
    );
  });
});

describe('blob', () => {
  it('begins where it is asked to, and says so', async () => {
    const server = await registry();
    const source = await client().blob(testJob(), at(server), layer.digest, { offset: 99_990 });
    expect(source.offset).toBe(99_990);
    expect(await bytesOf(source.body)).toEqual(layout.blobs.get(layer.digest)?.subarray(99_990));
    expect(server.log[0]?.headers.range).toBe('bytes=99990-');
  });

  it('goes on only when it is still the same content', async () => {
    const server = await registry();
    const first = await client().blob(testJob(), at(server), layer.digest);
    expect(first.validator).toBe(`"${layer.digest}"`);
    await bytesOf(first.body);
    const proxy = await proxyOf(server);
    const second = await client().blob(testJob(), at(proxy), layer.digest, { offset: 5, validator: first.validator });
    await bytesOf(second.body);
    expect(proxy.log[0]?.headers['if-range']).toBe(first.validator);
  });

  it('begins at the start when its place is past the end, or the registry knows no ranges', async () => {
    const server = await registry();
    const beyond = await client().blob(testJob(), at(server), layer.digest, { offset: 100_000 });
    expect(beyond.offset).toBe(0);
    expect(digestOf(await bytesOf(beyond.body))).toBe(layer.digest);
    const proxy = await proxyOf(server);
    proxy.plan = () => ({ kind: 'range', how: 'whole' });
    const whole = await client().blob(testJob(), at(proxy), layer.digest, { offset: 50_000 });
    expect(whole.offset).toBe(0);
    expect(digestOf(await bytesOf(whole.body))).toBe(layer.digest);
  });

  it('is downloaded with at most 1.02 times its bytes however often the connection breaks', async () => {
    const server = await registry();
    const proxy = await proxyOf(server);
    const big = layout.blob(Buffer.alloc(8_000_000, 'big layer '), 'application/octet-stream');
    server.push(layout, 'team/app', 'big', root);
    proxy.plan = (_seen, nth) => (nth < 5 ? { kind: 'cut', at: 1_000_000 } : undefined);
    const clock = new TestClock();
    const source = await client({ retry: 2 }, clock).blob(testJob(), at(proxy), big.digest);
    expect(digestOf(await bytesOf(source.body))).toBe(big.digest);
    expect(proxy.seen('blob')).toHaveLength(6);
    expect(proxy.seen('blob').reduce((sum, entry) => sum + entry.sent, 0)).toBeLessThanOrEqual(big.size * 1.02);
  });

  it('is given up when the registry only drips', async () => {
    const server = await registry();
    const proxy = await proxyOf(server);
    proxy.plan = () => ({ kind: 'cut', at: 10 });
    const source = await client({ retry: 3 }).blob(testJob(), at(proxy), layer.digest);
    await expect(bytesOf(source.body)).rejects.toMatchObject({ code: 'E_NETWORK' });
    expect(proxy.seen('blob')).toHaveLength(4);
  });

  it('waits for a place when --parallel are on their way, and leaves it when it is left', async () => {
    const server = await registry();
    const proxy = await proxyOf(server);
    const made = client({ parallel: 2 });
    const job = testJob();
    const first = await made.blob(job, at(proxy), layer.digest);
    await made.blob(job, at(proxy), layer.digest);
    let third = false;
    const waiting = made.blob(job, at(proxy), layer.digest).then((source) => {
      third = true;
      return bytesOf(source.body);
    });
    // Other requests are not held up by downloads that nobody reads.
    await made.resolve(job, at(proxy), 'v1');
    expect(third).toBe(false);
    for await (const _chunk of first.body) break;
    expect((await waiting).length).toBe(layer.size);
  });

  it('ends with the reason of an abort, before, while waiting and in the middle', async () => {
    const server = await registry();
    const proxy = await proxyOf(server);
    proxy.plan = () => ({ kind: 'stall', at: 10_000 });
    const made = client({ parallel: 1 });
    const controller = new AbortController();
    const job = testJob(undefined, controller.signal);
    const source = await made.blob(job, at(proxy), layer.digest);
    const reading = bytesOf(source.body);
    const waiting = made.blob(job, at(proxy), layer.digest);
    setTimeout(() => controller.abort(new Error('enough')), 50);
    await expect(reading).rejects.toThrow('enough');
    await expect(waiting).rejects.toThrow('enough');
    await expect(made.resolve(job, at(proxy), 'v1')).rejects.toThrow('enough');
    // The place is free again for the next job.
    proxy.plan = () => undefined;
    expect((await bytesOf((await made.blob(testJob(), at(proxy), layer.digest)).body)).length).toBe(layer.size);
  });
});

describe('tags', () => {
  it('are read page by page, up to the limit', async () => {
    const pages = [['a', 'b'], ['c', 'bad tag', 'd'], ['e']];
    const server = await registry({
      intercept(request, response) {
        const url = new URL(request.url ?? '', 'http://x');
        if (!url.pathname.endsWith('/tags/list')) return false;
        const page = Number(url.searchParams.get('page') ?? 0);
        const next =
          page + 1 < pages.length ? { link: `</v2/team/app/tags/list?n=2&page=${page + 1}>; rel="next"` } : {};
        response.writeHead(200, next).end(JSON.stringify({ name: 'team/app', tags: pages[page] }));
        return true;
      },
    });
    expect(await client().tags(testJob(), at(server), 100)).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(await client().tags(testJob(), at(server), 3)).toEqual(['a', 'b', 'c']);
  });

  it('end where pages go in circles, or to another server', async () => {
    for (const link of [
      '</v2/team/app/tags/list?n=9>; rel="next"',
      '<http://other.example/v2/x/tags/list>; rel="next"',
    ]) {
      let asked = 0;
      const server = await registry({
        intercept(_request, response) {
          asked += 1;
          response.writeHead(200, { link }).end('{"tags":["a"]}');
          return true;
        },
      });
      expect(await client().tags(testJob(), at(server), 9)).toEqual(['a']);
      expect(asked).toBe(1);
    }
  });
});

describe('tags without end', () => {
  it('are read in one page of 300,000, and of empty pages no more than 100', async () => {
    const many = Array.from({ length: 300_000 }, (_, index) => `build-${index}`);
    let pages = 0;
    const server = await registry({
      intercept(request, response) {
        const path = request.url ?? '';
        if (!path.includes('/tags/list')) return false;
        pages += 1;
        const link = { link: `</v2/endless/tags/list?page=${pages}>; rel="next"` };
        if (path.includes('/endless/')) response.writeHead(200, link).end('{"tags":[]}');
        else response.end(JSON.stringify({ tags: many }));
        return true;
      },
    });
    const own = client();
    expect(await own.tags(testJob(), at(server), 1_000_000)).toHaveLength(300_000);
    const missing = own.resolve(testJob(), at(server), 'build-299999x');
    await expect(missing).rejects.toMatchObject({ code: 'E_TAG_NOT_FOUND', hint: expect.stringContaining('build-') });
    pages = 0;
    expect(await own.tags(testJob(), { host: server.host, repository: 'endless' }, 1000)).toEqual([]);
    expect(pages).toBe(100);
  });
});

describe('mirrors', () => {
  it('answer first; what they do not have comes from the registry, and the result is the same', async () => {
    const origin = await registry();
    const mirror = await registry();
    mirror.manifests.set('hub/team/app', mirror.manifests.get('team/app') ?? new Map());
    const mirrors = [{ host: origin.host, mirror: `${mirror.host}/hub` }];
    const job = testJob();
    const made = client({ mirrors });
    const fromMirror = await made.resolve(job, at(origin), 'v1');
    expect(origin.log).toEqual([]);
    const ns = `ns=${encodeURIComponent(origin.host)}`;
    expect(mirror.log.map((entry) => entry.url)).toEqual([`/v2/hub/team/app/manifests/v1?${ns}`]);
    await bytesOf((await made.blob(testJob(), at(origin), layer.digest)).body);
    await made.tags(testJob(), at(origin), 5);
    expect(mirror.log.slice(1).map((entry) => entry.url)).toEqual([
      `/v2/hub/team/app/blobs/${layer.digest}?${ns}`,
      `/v2/hub/team/app/tags/list?n=5&${ns}`,
    ]);
    mirror.manifests.clear();
    const fromOrigin = await made.resolve(job, at(origin), 'v1');
    expect(fromOrigin.descriptor).toEqual(fromMirror.descriptor);
    expect(origin.log.map((entry) => entry.url)).toEqual(['/v2/team/app/manifests/v1']);
    expect(JSON.stringify(job.events)).toContain(`mirror ${mirror.host}`);
  });

  it('that are down or send something else are passed over, in order', async () => {
    const origin = await registry();
    const liar = await proxyOf(origin);
    liar.plan = () => ({ kind: 'change' });
    const gone = await registry();
    const host = gone.host;
    await gone.stop();
    closing.splice(closing.length - 1, 1);
    const mirrors = [
      { host: origin.host, mirror: host },
      { host: origin.host, mirror: liar.host },
    ];
    const content = await client({ mirrors }).manifest(testJob(), at(origin), root.digest);
    expect(digestOf(content.bytes)).toBe(root.digest);
    expect(liar.log).toHaveLength(1);
  });

  it('that send a wrong blob, or one of another length, are passed over when it is asked for again', async () => {
    const origin = await registry();
    const store = await openStore({ root: tempDir('store') });
    closing.push(() => store.close());
    for (const wrong of [Buffer.alloc(layer.size), Buffer.alloc(layer.size + 1), Buffer.alloc(5)]) {
      const mirror = await registry();
      mirror.blobs.set(layer.digest, wrong);
      const made = client({ mirrors: [{ host: origin.host, mirror: mirror.host }] });
      const job = testJob();
      const pulled = store.blobs.ingest(job, layer, (resume) => made.blob(job, at(origin), layer.digest, resume));
      expect(await pulled).toBe('stored');
      expect([mirror.count('GET', /blobs/), origin.count('GET', /blobs/)]).toEqual([1, 1]);
      await store.blobs.discard(layer.digest);
      // Who has been told of the bytes starts anew by itself.
      const fresh = client({ mirrors: [{ host: origin.host, mirror: mirror.host }] });
      const told = store.blobs.ingest(job, layer, (resume) => fresh.blob(job, at(origin), layer.digest, resume), {
        growth: () => undefined,
      });
      await expect(told).rejects.toMatchObject({
        message: expect.stringContaining(`blob ${layer.digest} of ${mirror.host}/team/app`),
        details: { resumed: true },
      });
      origin.log.length = 0;
    }
  });

  it('are named when the registry fails as well', async () => {
    const origin = await registry();
    const mirror = await registry();
    const failing = client({ mirrors: [{ host: origin.host, mirror: mirror.host }] }).resolve(
      testJob(),
      { host: origin.host, repository: 'none' },
      'v1',
    );
    await expect(failing).rejects.toMatchObject({
      code: 'E_NOT_FOUND',
      message: expect.stringContaining(`${mirror.host} (E_NOT_FOUND)`),
    });
  });

  it('get the credential of their own host, never the registry’s', async () => {
    const origin = await registry();
    const mirror = await registry({ auth: { kind: 'basic', username: 'mirror', password: 'm1rr0r' } });
    const job = testJob((host) =>
      host === mirror.host
        ? { kind: 'basic', username: 'mirror', password: 'm1rr0r', origin: 'test' }
        : { kind: 'basic', username: 'origin', password: '0r1g1n', origin: 'test' },
    );
    await client({ mirrors: [{ host: origin.host, mirror: mirror.host }] }).resolve(job, at(origin), 'v1');
    expect(job.lookups).toEqual([`${mirror.host}/team/app`]);
    expect(mirror.log.map((entry) => entry.headers.authorization)).toEqual([
      undefined,
      `Basic ${Buffer.from('mirror:m1rr0r').toString('base64')}`,
    ]);
  });
});
