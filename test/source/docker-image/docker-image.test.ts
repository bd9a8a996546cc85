import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Attributes, Store } from '../../../src/contract/index.ts';
import { chainId } from '../../../src/core/chain-id.ts';
import type { CtxsrcError } from '../../../src/core/errors.ts';
import type { Descriptor } from '../../../src/oci/types.ts';
import { source } from '../../../src/source/docker-image/source.ts';
import { identify as identifyText } from '../../../src/source/resolve.ts';
import { SourceTable } from '../../../src/source/table.ts';
import { openStore } from '../../../src/store/store.ts';
import { fakeJob } from '../../support/fake-ref.ts';
import { type BuiltLayer, LayoutBuilder } from '../../support/layout-builder.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { TestRegistry } from '../../support/registry.ts';
import { newEnv, writeSnapshot } from '../../support/source-env.ts';
import { tar } from '../../support/tar-builder.ts';
import { tempDir } from '../../support/temp.ts';

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;

function identify(rest: string, attributes: Attributes = {}) {
  return source.identify({ scheme: 'docker-image', rest, text: `docker-image://${rest}` }, attributes);
}

describe('identify', () => {
  it.each([
    ['alpine', 'docker-image://docker.io/library/alpine:latest'],
    ['alpine:3.20', 'docker-image://docker.io/library/alpine:3.20'],
    [`ghcr.io/a/b@${DIGEST}`, `docker-image://ghcr.io/a/b@${DIGEST}`],
    [`ghcr.io/a/b:1@${DIGEST}`, `docker-image://ghcr.io/a/b:1@${DIGEST}`],
    ['localhost:5000/x', 'docker-image://localhost:5000/x:latest'],
  ])('%s is %s, and that identifies the same', (rest, printed) => {
    const id = identify(rest, { platform: 'linux/aarch64', 'layer-limit': '+2' });
    expect(String(id)).toBe(printed);
    expect(id.attributes).toEqual({ platform: 'linux/arm64', 'layer-limit': 2 });
    const again = identify(printed.slice('docker-image://'.length), id.attributes);
    expect(again.toJSON()).toEqual(id.toJSON());
  });

  it.each<[string, Attributes, string]>([
    ['Alpine', {}, 'E_REFERENCE'],
    ['', {}, 'E_REFERENCE'],
    ['alpine', { platform: 'linux/*' }, 'E_PLATFORM_INVALID'],
    ['alpine', { 'layer-limit': '0' }, 'E_ATTRIBUTE'],
    ['alpine', { 'layer-limit': '-1' }, 'E_ATTRIBUTE'],
    ['alpine', { 'layer-limit': '1_0' }, 'E_ATTRIBUTE'],
    ['alpine', { 'layer-limit': ' 1' }, 'E_ATTRIBUTE'],
    ['alpine', { 'layer-limit': '1e3' }, 'E_ATTRIBUTE'],
    ['alpine', { 'layer-limit': '99999999999999999999' }, 'E_ATTRIBUTE'],
    ['alpine', { checksum: 'sha256:xyz' }, 'E_DIGEST_INVALID'],
    ['alpine', { include: ['x'] }, 'E_ATTRIBUTE'],
  ])('refuses %j with %j', (rest, attributes, code) => {
    expect(() => identify(rest, attributes)).toThrow(expect.objectContaining({ code, exit: 2 }));
  });
});

it.each(['bob:PW-typed@host/app:1', 'bob:PW-typed@localhost:5000/app', 'bob:PW-typed/x@host/app'])(
  '%s is refused without repeating the password',
  async (rest) => {
    const failing = identifyText(new SourceTable(), `app=docker-image://${rest}`, {});
    await expect(failing).rejects.toMatchObject({ code: 'E_REFERENCE', ref: expect.stringContaining('://***@') });
    const { message, hint, ref } = (await failing.catch((error: unknown) => error)) as CtxsrcError;
    expect(message).toContain('it holds a password');
    expect(JSON.stringify([message, hint, ref])).not.toContain('PW-typed');
  },
);

it('a digest that is empty, as an unset variable is, is no password', async () => {
  const failing = identifyText(new SourceTable(), 'docker-image://host:5000/app@', {});
  await expect(failing).rejects.toMatchObject({
    message: expect.stringContaining('what stands behind @ is no digest'),
  });
});

describe('an image in a registry', () => {
  let registry: TestRegistry;
  let layout: LayoutBuilder;
  let layers: BuiltLayer[];
  let image: Descriptor;
  let index: Descriptor;
  const stores: Store[] = [];

  beforeAll(async () => {
    registry = await TestRegistry.start();
    layout = new LayoutBuilder();
    layers = ['a', 'b', 'c'].map((name) => layout.layer(tar([{ name, content: `file ${name}` }])));
    image = layout.image({ layers, platform: { os: 'linux', architecture: 'amd64' }, config: { Env: ['A=B'] } });
    index = layout.index([
      image,
      layout.image({ layers: layers.slice(0, 1), platform: { os: 'linux', architecture: 'arm64' } }),
    ]);
    registry.push(layout, 'app', 'multi', index);
    registry.push(layout, 'app', 'single', image);
    registry.push(layout, 'app', 'empty', layout.image({ layers: [] }));
  });
  afterEach(async () => {
    registry.log.length = 0;
    registry.intercept = undefined;
    for (const store of stores.splice(0)) await store.close();
  });
  afterAll(() => registry.stop());

  const ref = (name: string) => `${registry.host}/${name}`;
  const open = (name: string, store: Store, attributes: Attributes = {}, offline = false) =>
    source.resolve(identify(ref(name), attributes), newEnv(store, { offline }));
  const requests = () => registry.log.map(({ method, url }) => `${method} ${url.replace(/^\/v2\/app\//, '')}`);

  it('digest: one HEAD', async () => {
    const digests = await open('app:multi', new MemoryStore()).digests!(fakeJob());
    expect(digests).toMatchObject({
      digest: index.digest,
      mediaType: index.mediaType,
      size: index.size,
      pinned: `docker-image://${ref('app:multi')}@${index.digest}`,
    });
    expect(requests().filter((request) => !request.startsWith('GET /v2/'))).toEqual(['HEAD manifests/multi']);
    expect(await digests.manifest!()).toBe(image.digest);
    expect(await digests.config!()).toMatch(/^sha256:/);
  });

  it('a snapshot gets over a mirror that sends another layer', async () => {
    const mirror = await TestRegistry.start();
    try {
      mirror.push(layout, 'app', 'single', image);
      for (const { descriptor } of layers) mirror.blobs.set(descriptor.digest, Buffer.alloc(descriptor.size));
      const store = await openStore({ root: tempDir('store') });
      stores.push(store);
      const env = newEnv(store, { network: { parallel: 1, mirrors: [{ host: registry.host, mirror: mirror.host }] } });
      // One layer at a time, so that most are asked for after the first turned out wrong.
      const { dir } = await writeSnapshot(source.resolve(identify(ref('app:single')), env));
      expect(readdirSync(dir).sort()).toEqual(['a', 'b', 'c']);
      expect(
        mirror.count('GET', new RegExp(layers.map(({ descriptor }) => descriptor.digest).join('|'))),
      ).toBeGreaterThan(0);
    } finally {
      await mirror.stop();
    }
  });

  it('key: a HEAD, then what is not in the store, and never a layer', async () => {
    const store = new MemoryStore();
    const config = (JSON.parse(layout.blobs.get(image.digest)!.toString()) as { config: Descriptor }).config;
    const first = await open('app:multi', store).cacheKey(fakeJob(), 1);
    expect(first.key).toBe(chainId(layers.map((layer) => layer.diffId)));
    expect(first.pin).toBe(index.digest);
    expect(requests()).toEqual([
      'HEAD manifests/multi',
      `GET manifests/${index.digest}`,
      `GET manifests/${image.digest}`,
      `GET blobs/${config.digest}`,
    ]);
    registry.log.length = 0;
    expect(await open('app:multi', store).cacheKey(fakeJob(), 1)).toMatchObject({ key: first.key, pin: first.pin });
    expect(requests()).toEqual(['HEAD manifests/multi']);
  });

  it('a digest whose content is in the store needs no request, online or not', async () => {
    const store = new MemoryStore();
    const key = await open('app:multi', store).cacheKey(fakeJob(), 1);
    registry.log.length = 0;
    for (const name of [`app@${index.digest}`, `app:other@${index.digest}`]) {
      for (const offline of [false, true]) {
        const instance = open(name, store, {}, offline);
        expect(await instance.cacheKey(fakeJob(), 1)).toMatchObject({ key: key.key, pin: index.digest });
      }
    }
    expect(requests()).toEqual([]);
  });

  it('offline opens no socket and names what is missing', async () => {
    const offline = (name: string, store: Store) => open(name, store, {}, true);
    await expect(offline('app:multi', new MemoryStore()).cacheKey(fakeJob(), 0)).rejects.toMatchObject({
      code: 'E_OFFLINE',
      exit: 3,
      message: expect.stringContaining('app:multi') as string,
    });
    const store = new MemoryStore();
    await open('app:multi', store).cacheKey(fakeJob(), 0);
    registry.log.length = 0;
    const instance = offline(`app@${index.digest}`, store);
    await expect(instance.pull!(fakeJob())).rejects.toMatchObject({
      code: 'E_OFFLINE',
      message: expect.stringMatching(/layer sha256:/) as string,
    });
    store.content.delete(image.digest);
    await expect(offline(`app@${index.digest}`, store).cacheKey(fakeJob(), 0)).rejects.toThrow(image.digest);
    expect(requests()).toEqual([]);
  });

  it('the checksum is of the root', async () => {
    const key = (checksum: string) => open('app:multi', new MemoryStore(), { checksum }).cacheKey(fakeJob(), 0);
    expect((await key(index.digest)).pin).toBe(index.digest);
    await expect(key(image.digest)).rejects.toMatchObject({
      code: 'E_CHECKSUM_MISMATCH',
      exit: 6,
      details: { expected: image.digest, actual: index.digest },
    });
  });

  it('the layer limit cuts, and may not exceed the layers', async () => {
    const limited = (limit: number) =>
      open('app:single', new MemoryStore(), { 'layer-limit': limit }).cacheKey(fakeJob(), 1);
    const { key, opts } = await limited(2);
    expect(key).toBe(chainId(layers.slice(0, 2).map((layer) => layer.diffId)));
    expect([...opts.keys()]).toEqual(layers.slice(0, 2).map((layer) => layer.descriptor.digest));
    await expect(limited(4)).rejects.toMatchObject({ code: 'E_LAYER_LIMIT', exit: 2 });
  });

  it('remembers its answer and its failure, but not an abort', async () => {
    const instance = open('app:multi', new MemoryStore());
    await Promise.all([instance.cacheKey(fakeJob(), 0), instance.cacheKey(fakeJob(), 1), instance.snapshot(fakeJob())]);
    expect(registry.count('HEAD', /./)).toBe(1);

    const missing = open('app:absent', new MemoryStore());
    await expect(missing.cacheKey(fakeJob(), 0)).rejects.toMatchObject({ code: 'E_TAG_NOT_FOUND', exit: 3 });
    registry.push(layout, 'app', 'absent', image);
    await expect(missing.cacheKey(fakeJob(), 1)).rejects.toMatchObject({ code: 'E_TAG_NOT_FOUND' });

    const again = open('app:single', new MemoryStore());
    await expect(again.cacheKey(fakeJob(AbortSignal.abort()), 0)).rejects.toMatchObject({ name: 'AbortError' });
    expect((await again.cacheKey(fakeJob(), 0)).pin).toBe(image.digest);
  });

  it('does not believe a registry', async () => {
    registry.intercept = (request, response) => {
      if (request.method !== 'GET' || !request.url?.includes(image.digest)) return false;
      response.writeHead(200, { 'content-type': image.mediaType }).end(Buffer.alloc(image.size, ' '));
      return true;
    };
    const store = new MemoryStore();
    await expect(open('app:single', store).cacheKey(fakeJob(), 0)).rejects.toMatchObject({ exit: 5 });
    expect([...store.content.keys()]).toEqual([]);
    registry.intercept = (request, response) => {
      if (!request.url?.includes('/blobs/')) return false;
      response.writeHead(200, {}).end(Buffer.alloc(1_000_000, ' '));
      return true;
    };
    await expect(open('app:single', store).cacheKey(fakeJob(), 0)).rejects.toMatchObject({ code: 'E_SIZE_MISMATCH' });
    expect([...store.content.keys()]).toEqual([image.digest]);
  });

  it('pull: everything of the chosen platform is in the store, missing blobs only', async () => {
    const store = await openStore({ root: tempDir('store') });
    stores.push(store);
    const job = fakeJob();
    await open('app:multi', store).pull!(job);
    for (const { descriptor } of layers) expect(await store.blobs.size(descriptor.digest)).toBe(descriptor.size);
    expect(await store.blobs.size(index.digest)).toBe(index.size);
    expect(registry.count('GET', /blobs/)).toBe(4);
    const started = job.events.flatMap((event) =>
      event.type === 'start' && event.phase === 'download' ? [event.label] : [],
    );
    // Each layer, and all of them.
    expect(started).toHaveLength(4);
    expect(job.events.filter((event) => event.type === 'end')).toEqual(
      ['resolve', ...started].map(() => expect.objectContaining({ status: 'done' }) as unknown),
    );
    registry.log.length = 0;
    await open('app:multi', store).pull!(fakeJob());
    expect(requests()).toEqual(['HEAD manifests/multi']);
  });

  it('pull stops at the first failure', async () => {
    registry.intercept = (request, response) => {
      if (!request.url?.includes(layers[1]!.descriptor.digest)) return false;
      response.writeHead(404).end();
      return true;
    };
    const store = new MemoryStore();
    await expect(open('app:single', store).pull!(fakeJob())).rejects.toMatchObject({ exit: 3 });
    expect(store.tagged.size).toBe(0);
  });

  it('snapshot: null without layers, else files, fetched again when the store lost them', async () => {
    const store = await openStore({ root: tempDir('store') });
    stores.push(store);
    expect(await open('app:empty', store).snapshot(fakeJob())).toBeNull();
    const instance = open('app:multi', store);
    for (const round of ['first', 'second']) {
      const ref = await instance.snapshot(fakeJob());
      const dir = join(tempDir('target'), round);
      mkdirSync(dir);
      await ref!.writeTo(fakeJob(), dir, {
        owner: 'current',
        mode: 'copy',
        limits: { maxBytes: 1e9, maxFiles: 1000, maxRatio: 1000 },
      });
      expect(ref!.id).toBe(chainId(layers.map((layer) => layer.diffId)));
      expect(readdirSync(dir).sort()).toEqual(['a', 'b', 'c']);
      await ref!.release();
      for (const { descriptor } of layers) await store.blobs.discard(descriptor.digest);
    }
  });

  it('describes without layers', async () => {
    const description = await open('app:multi', new MemoryStore()).describe!(fakeJob());
    expect(description).toMatchObject({
      identifier: `docker-image://${ref('app:multi')}`,
      digest: index.digest,
      manifest: image.digest,
      platforms: ['linux/amd64', 'linux/arm64'],
      layers: layers.map(({ descriptor, diffId }) => ({ digest: descriptor.digest, size: descriptor.size, diffId })),
      configuration: { config: { Env: ['A=B'] } },
    });
    expect(JSON.parse(JSON.stringify(description))).toEqual(description);
    expect(await open('app:multi', new MemoryStore()).candidates!(fakeJob())).toEqual(['linux/amd64', 'linux/arm64']);
    for (const { descriptor } of layers) expect(requests().join()).not.toContain(descriptor.digest);
  });
});
