/** Bodies in a shared cache: what comes from there, what goes there, and what a bad cache costs. */
import { readFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Attributes } from '../../../src/contract/index.ts';
import { failureText } from '../../support/failure-code.ts';
import { digestOf } from '../../support/layout-builder.ts';
import { PushRegistry, problem, type Rule, send } from '../../support/push-registry.ts';
import { type CacheRun, cacheRun, REPOSITORY } from '../../support/shared-cache.ts';
import { newStore, writeSnapshot } from '../../support/source-env.ts';
import { openHttp } from './http-source.ts';

const BODY = 'the release\n';
const PIN = digestOf(BODY);
const tagOf = (pin: string): string => `ctxsrc-body-${pin.slice('sha256:'.length)}`;
const TAG = tagOf(PIN);
const OTHER = 'another release\n';

describe('bodies in a shared cache', () => {
  let server: Server;
  let url: string;
  let asked: number;
  let registry: PushRegistry;
  const runs: CacheRun[] = [];

  beforeAll(async () => {
    server = createServer((request, response) => {
      asked += 1;
      response.end(request.url === '/empty/release' ? '' : request.url === '/other/release' ? OTHER : BODY);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/release`;
  });
  beforeEach(async () => {
    asked = 0;
    registry = await PushRegistry.start();
  });
  afterEach(async () => {
    for (const { sharedCache } of runs.splice(0)) await sharedCache.close();
    await registry.stop();
  });
  afterAll(() => server.close());

  /** A run with a store of its own that writes the file, pinned unless other attributes are given. */
  async function write(run: CacheRun, attrs: Attributes = { checksum: PIN }, from = url): Promise<string> {
    runs.push(run);
    const source = await openHttp(from, attrs, await newStore(), { sharedCache: run.sharedCache });
    const { dir } = await writeSnapshot(source, {}, run.job);
    return readFileSync(join(dir, 'release'), 'utf8');
  }

  const both = (more: Parameters<typeof cacheRun>[0] = {}): CacheRun =>
    cacheRun({ from: registry.host, to: registry.host, ...more });

  it('come from it in one request, once one run has put them there under a tag of their own', async () => {
    const first = both();
    expect(await write(first)).toBe(BODY);
    expect(first.notes).toEqual([expect.stringContaining(`${REPOSITORY} lacks ${url}`)]);
    expect([...registry.manifestsOf(REPOSITORY).keys()]).toContain(TAG);
    registry.log.length = 0;
    const second = both();
    expect(await write(second)).toBe(BODY);
    expect(second.notes).toEqual([]);
    expect(registry.log.map((one) => `${one.method} ${one.url}`)).toEqual([`GET /v2/${REPOSITORY}/blobs/${PIN}`]);
    expect(asked).toBe(1);
  });

  it('are never the answer to a URL without a digest; an entry that is there costs one request to keep', async () => {
    await write(cacheRun({ to: registry.host }));
    registry.log.length = 0;
    expect(await write(both(), {})).toBe(BODY);
    expect(asked).toBe(2);
    expect(registry.log.map((one) => `${one.method} ${one.url}`)).toEqual([`HEAD /v2/${REPOSITORY}/manifests/${TAG}`]);
  });

  it('without bytes come from the origin: many registries take no blob of none', async () => {
    const run = both();
    expect(await write(run, { checksum: digestOf('') }, new URL('/empty/release', url).href)).toBe('');
    expect(run.notes).toEqual([]);
    expect(registry.log).toEqual([]);
  });

  it('are plain images of one layer, which say nothing but their digest', async () => {
    await write(cacheRun({ to: registry.host }));
    const bytes = registry.manifestsOf(REPOSITORY).get(TAG)!;
    const { config, ...manifest } = JSON.parse(bytes.toString()) as { config: { mediaType: string; digest: string } };
    expect(manifest).toEqual({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: PIN, size: BODY.length }],
      annotations: { 'dev.ctxsrc.pin': PIN },
    });
    expect(config.mediaType).toBe('application/vnd.oci.image.config.v1+json');
    expect(JSON.parse(registry.blobsOf(REPOSITORY).get(config.digest)!.toString())).toEqual({
      architecture: 'amd64',
      os: 'linux',
      rootfs: { type: 'layers', diff_ids: [PIN] },
    });
  });

  it('are read without the right to push', async () => {
    registry.tokenLife = 300;
    await write(cacheRun({ to: registry.host }));
    expect(registry.scopes).toEqual([`repository:${REPOSITORY}:pull,push`]);
    registry.scopes.length = 0;
    await write(cacheRun({ from: registry.host, strict: true }));
    expect(registry.scopes).toHaveLength(1);
    expect(registry.scopes.join()).not.toContain('push');
  });

  it('are there all after sixteen writers at once', async () => {
    const bodies = Array.from({ length: 16 }, (_, index) => `body ${index}`);
    const many = createServer((request, response) => response.end(bodies[Number(request.url!.slice(1))]));
    await new Promise<void>((resolve) => many.listen(0, '127.0.0.1', resolve));
    const origin = `http://127.0.0.1:${(many.address() as AddressInfo).port}`;
    try {
      const work = bodies.map(async (body, index) => {
        const run = cacheRun({ to: registry.host });
        runs.push(run);
        const attrs = { checksum: digestOf(body) };
        const source = await openHttp(`${origin}/${index}`, attrs, undefined, { sharedCache: run.sharedCache });
        await source.pull!(run.job);
        return run.notes;
      });
      expect((await Promise.all(work)).flat()).toEqual([]);
    } finally {
      many.close();
    }
    const tags = [...registry.manifestsOf(REPOSITORY).keys()].filter((name) => name.startsWith('ctxsrc-'));
    expect(tags.sort()).toEqual(bodies.map((body) => tagOf(digestOf(body))).sort());
  });

  it.each([
    ['header', { checksum: PIN, header: ['X-Token: secret'] }, ''],
    ['query, which may be a signature', { checksum: PIN }, '?sig=1'],
  ])('that were fetched with a %s go there with --cache-private alone', async (_, attrs, query) => {
    const shy = cacheRun({ to: registry.host });
    expect(await write(shy, attrs, `${url}${query}`)).toBe(BODY);
    expect(shy.notes).toEqual([expect.stringContaining('may be a credential')]);
    expect(shy.notes[0]).not.toMatch(/sig=1|secret/);
    expect(registry.log).toEqual([]);
    await write(cacheRun({ to: registry.host, private: true }), attrs, `${url}${query}`);
    expect([...registry.manifestsOf(REPOSITORY).keys()]).toContain(TAG);
  });

  const blob =
    (answer: Rule): Rule =>
    (request, response) =>
      request.method === 'GET' && request.url.includes('/blobs/') ? answer(request, response) : undefined;

  const bad: readonly (readonly [string, Rule, string])[] = [
    [
      'has wrong bytes',
      blob((_, response) => send(response, { status: 200, body: 'something\n' })),
      'E_DIGEST_MISMATCH',
    ],
    ['has too few', blob((_, response) => send(response, { status: 200, body: BODY.slice(1) })), 'E_DIGEST_MISMATCH'],
    [
      'claims more than is ever taken',
      blob((_, response) => {
        response.writeHead(200, { 'content-length': String(2 ** 40) });
        response.write(BODY);
        return true;
      }),
      'E_LIMIT',
    ],
    [
      'compresses what was not asked for compressed',
      blob((_, response) => {
        const headers = { 'content-encoding': 'gzip' };
        return send(response, { status: 200, headers, body: gzipSync(Buffer.alloc(1e6)) });
      }),
      'E_DIGEST_MISMATCH',
    ],
    ['fails', (_, response) => send(response, problem(500, 'UNKNOWN')), 'E_SERVER'],
    ['lets nobody in', (_, response) => send(response, problem(401, 'UNAUTHORIZED')), 'E_UNAUTHORIZED'],
    ['says nothing', () => true, 'E_STALLED'],
    [
      'trickles',
      blob((_, response) => {
        response.writeHead(200);
        const timer = setInterval(() => response.write('x'), 40);
        response.on('close', () => clearInterval(timer));
        return true;
      }),
      'E_STALLED',
    ],
  ];

  it.each(bad)('from a cache that %s come from the origin, after one note and one wait', async (_, rule, code) => {
    registry.rule = rule;
    const wait = code === 'E_STALLED' ? 250 : 10_000;
    const run = cacheRun({ from: registry.host, stallTimeout: wait });
    const started = Date.now();
    for (let reference = 0; reference < 3; reference += 1) expect(await write(run)).toBe(BODY);
    expect(asked).toBe(3);
    expect(run.notes).toEqual([expect.stringContaining('is not used any more in this run')]);
    expect(registry.log.length).toBe(1);
    if (code === 'E_STALLED') expect(Date.now() - started).toBeLessThan(3000);
    expect(await failureText(write(cacheRun({ from: registry.host, stallTimeout: wait, strict: true })))).toMatch(
      new RegExp(`^${code} the shared cache ${registry.host}/${REPOSITORY}: `),
    );
  });

  it('with a lie there are put right where the run may write', async () => {
    await write(cacheRun({ to: registry.host }));
    registry.blobsOf(REPOSITORY).set(PIN, Buffer.from('damaged'));
    expect(await write(both())).toBe(BODY);
    expect(registry.blobsOf(REPOSITORY).get(PIN)?.toString()).toBe(BODY);
  });

  it('with a lie do not keep another one, under way at that time, from being put there', async () => {
    const waiting = new Map<string, ServerResponse>();
    registry.rule = blob(({ url: path }, response) => {
      waiting.set(path.endsWith(PIN) ? PIN : OTHER, response);
      // The second request waits for the head of the first answer.
      response.writeHead(200).flushHeaders();
      if (waiting.size === 2) waiting.get(PIN)!.end('something\n');
      return true;
    });
    const run = both();
    const other = write(run, { checksum: digestOf(OTHER) }, new URL('/other/release', url).href);
    expect(await Promise.all([write(run), other])).toEqual([BODY, OTHER]);
    expect(run.notes).toEqual([expect.stringContaining('is not used any more in this run')]);
    expect([...registry.manifestsOf(REPOSITORY).keys()]).toEqual(expect.arrayContaining([TAG, tagOf(digestOf(OTHER))]));
  });

  it('that cannot be put there are a note, tried once, and with --strict an error', async () => {
    registry.rule = (request, response) =>
      request.method === 'POST' ? send(response, problem(403, 'DENIED', 'read only')) : undefined;
    const run = cacheRun({ to: registry.host });
    expect(await write(run)).toBe(BODY);
    expect(await write(run)).toBe(BODY);
    expect(run.notes).toEqual([expect.stringMatching(/is not used any more in this run: .*read only/)]);
    expect(registry.count('POST', /./)).toBe(1);
    expect(await failureText(write(cacheRun({ to: registry.host, strict: true })))).toMatch(/^E_FORBIDDEN the shared/);
  });

  it('are put there by a registry that takes its time for each answer, which is more for all than for one', async () => {
    registry.rule = (_, response) => {
      const end = response.end.bind(response) as (body?: unknown) => ServerResponse;
      response.end = (body?: unknown) => {
        setTimeout(end, 150, body);
        return response;
      };
      return undefined;
    };
    const run = cacheRun({ to: registry.host, stallTimeout: 700 });
    expect(await write(run)).toBe(BODY);
    expect(run.notes).toEqual([]);
    expect([...registry.manifestsOf(REPOSITORY).keys()]).toContain(TAG);
  });

  it('with --strict may be lacking only where they can be put', async () => {
    expect(await failureText(write(cacheRun({ from: registry.host, strict: true })))).toMatch(
      /^E_\w*NOT_FOUND the sha/,
    );
    expect(await write(both({ strict: true }))).toBe(BODY);
  });

  it('cost one wait for a cache that is read and written, and hangs', async () => {
    registry.rule = () => true;
    const run = both({ stallTimeout: 250 });
    expect(await write(run)).toBe(BODY);
    expect(run.notes).toHaveLength(1);
    expect(registry.log).toHaveLength(1);
  });
});
