/** Rules that one or another registry in the field has: the same push meets them all. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { push } from '../../../src/library/push.ts';
import type { PushPlan } from '../../../src/snapshot/push/plan.ts';
import { PushRegistry, problem, type Rule, send } from '../../support/push-registry.ts';
import { imageOf, layerOf, outgoing, PUSH_LOGIN, pushPlan } from '../../support/pushed-image.ts';
import { TestClock, testJob } from '../../support/registry-job.ts';
import { tempDir } from '../../support/temp.ts';

const MIB = 1024 * 1024;

describe('registries with rules of their own', () => {
  let registry: PushRegistry;
  beforeEach(async () => {
    registry = await PushRegistry.start();
  });
  afterEach(() => registry.stop());

  function expectThere(plan: PushPlan, name = 'team/app', tag = '1'): void {
    expect(registry.manifestsOf(name).get(tag)).toEqual(Buffer.from(plan.root.bytes));
    for (const { digest, size } of plan.blobs) expect(registry.blobsOf(name).get(digest)?.length).toBe(size);
  }

  const lengthOf = (headers: { readonly 'content-length'?: string | undefined }): number =>
    Number(headers['content-length'] ?? 0);
  const isUpload = (url: string): boolean => url.includes('/blobs/uploads/id');
  /** A proxy before the registry takes no body over this size. */
  const proxy =
    (most: number, then: Rule = () => undefined): Rule =>
    (request, response) => {
      if (!isUpload(request.url) || lengthOf(request.headers) <= most) return then(request, response);
      request.raw.resume();
      return send(response, { status: 413, body: '<html>Request Entity Too Large</html>' });
    };

  it('no parts at all', async () => {
    registry.rule = ({ method, raw }, response) => {
      if (method !== 'PATCH') return undefined;
      raw.resume();
      return send(response, problem(405, 'UNSUPPORTED'));
    };
    const plan = imageOf(layerOf(12 * MIB));
    await pushPlan(registry, plan);
    expectThere(plan);
  });

  it.each([8, 9, 30])('parts of at least 5 MiB but the last, 201 for each, no empty end: %i MiB', async (size) => {
    registry.rule = proxy(size < 10 ? 7 * MIB : 20 * MIB, ({ method, url, headers, raw }, response) => {
      if (!isUpload(url)) return undefined;
      const length = lengthOf(headers);
      const wrong = method === 'PATCH' ? length < 5 * MIB || length > 10 * MIB : method === 'PUT' && length === 0;
      if (wrong) {
        raw.resume();
        return send(response, problem(method === 'PUT' ? 500 : 400, 'SIZE_INVALID'));
      }
      if (method !== 'PATCH') return undefined;
      return () => send(response, { status: 201, headers: { range: `0-${rangeEnd(headers)}` } });
    });
    const plan = imageOf(layerOf(size * MIB));
    await pushPlan(registry, plan, { retry: 0 });
    expectThere(plan);
  });

  it('a least size that is said', async () => {
    registry.rule = proxy(11 * MIB, ({ method, url, headers, raw }, response) => {
      if (method === 'POST') {
        registry.uploads.set('id-own', Buffer.alloc(0));
        const location = '/v2/team/app/blobs/uploads/id-own?state=a%2Fb';
        return send(response, { status: 202, headers: { location, 'oci-chunk-min-length': String(11 * MIB) } });
      }
      if (method !== 'PATCH' || !isUpload(url) || lengthOf(headers) >= 11 * MIB) return undefined;
      raw.resume();
      return send(response, problem(416, 'RANGE_INVALID'));
    });
    const plan = imageOf(layerOf(25 * MIB));
    await pushPlan(registry, plan, { parallel: 1, retry: 0 });
    expectThere(plan);
  });

  it('a size that was refused is remembered for the blobs that follow', async () => {
    registry.rule = proxy(6 * MIB);
    const plan = imageOf(layerOf(10 * MIB), layerOf(10 * MIB, 2), layerOf(10 * MIB, 3));
    await pushPlan(registry, plan, { parallel: 1 });
    expectThere(plan);
    expect(registry.log.filter(({ status }) => status === 413).length).toBe(1);
  });

  it('a part is appended each time it comes, whatever its range, and the upload cannot be asked', async () => {
    registry.rule = proxy(10 * MIB, ({ method, url, headers, raw, number }, response) => {
      delete headers['content-range'];
      if (method === 'GET' && isUpload(url)) return send(response, problem(405, 'UNSUPPORTED'));
      return method === 'PATCH' && number === 2 ? () => raw.socket.destroy() : undefined;
    });
    const plan = imageOf(layerOf(24 * MIB));
    await pushPlan(registry, plan);
    expectThere(plan);
    expect(registry.count('GET', /uploads\/id/)).toBe(1);
  });

  it.each(['PATCH', 'PUT'])('a token that runs out before a %s of parts', async (verb) => {
    registry.tokenLife = 300;
    registry.rule = proxy(10 * MIB, ({ method, headers, number }) => {
      const first = verb === 'PATCH' ? number === 2 : headers['content-range'] !== undefined;
      if (method === verb && first && registry.scopes.length === 1) registry.forgetTokens();
      return undefined;
    });
    const plan = imageOf(layerOf(24 * MIB));
    await pushPlan(registry, plan, { parallel: 1 });
    expectThere(plan);
    expect(registry.scopes.length).toBe(2);
    expect(registry.count('PATCH', /./)).toBe(verb === 'PATCH' ? 3 : 2);
  });

  it('tokens that live for two seconds', async () => {
    registry.tokenLife = 2;
    const plan = imageOf(...Array.from({ length: 6 }, (_, number) => layerOf(10, number)));
    registry.rule = ({ method, url }, response) => {
      if (method !== 'PUT' || !isUpload(url)) return undefined;
      return () => {
        setTimeout(() => send(response, { status: 201 }), 400);
      };
    };
    await pushPlan(registry, plan, { parallel: 1, stallTimeout: 5000 });
    expectThere(plan);
    expect(registry.scopes.length).toBeGreaterThan(1);
    expect(registry.log.filter(({ method, status }) => method === 'PUT' && status === 401).length).toBeLessThan(3);
  });

  it.each([
    ['202', { status: 202 }],
    ['400', problem(400, 'INVALID')],
    ['401', problem(401, 'UNAUTHORIZED')],
    ['404', problem(404, 'BLOB_UNKNOWN')],
    ['500', problem(500, 'UNKNOWN')],
  ])('a mount that is answered by %s is a plain upload', async (_, answer) => {
    registry.rule = ({ url }, response) => url.includes('mount=') && send(response, answer);
    const plan = imageOf(layerOf(100));
    await pushPlan(registry, plan, { from: 'base/image', retry: 0 });
    expectThere(plan);
  });

  it.each([
    ['relative', (id: string) => `./${id}?state=a%2Fb`],
    [
      'with a name of the host in other letters',
      (id: string, host: string) => `HTTP://${host}/v2/team/app/blobs/uploads/${id}?state=a%2Fb`,
    ],
    ['below another path', (id: string) => `/storage/blobs/uploads/${id}?state=a%2Fb`],
  ])('a Location that is %s', async (_, location) => {
    let begun = 0;
    registry.rule = ({ method, url, raw }, response) => {
      if (method === 'POST' && url.endsWith('/uploads/')) {
        begun += 1;
        registry.uploads.set(`id-own-${begun}`, Buffer.alloc(0));
        return send(response, { status: 202, headers: { location: location(`id-own-${begun}`, registry.host) } });
      }
      if (!url.startsWith('/storage/')) return undefined;
      raw.url = url.replace('/storage/', '/v2/team/app/');
      return undefined;
    };
    if (location('x', '').startsWith('/storage/')) {
      registry.rule = ((rule) => (request, response) => {
        if (request.method !== 'PUT' || !request.url.startsWith('/storage/')) return rule(request, response);
        const chunks: Buffer[] = [];
        request.raw.on('data', (chunk: Buffer) => chunks.push(chunk));
        request.raw.on('end', () => {
          const digest = new URL(request.url, 'http://x').searchParams.get('digest')!;
          registry.blobsOf('team/app').set(digest, Buffer.concat(chunks));
          send(response, { status: 201 });
        });
        return true;
      })(registry.rule);
    }
    const plan = imageOf(layerOf(100));
    await pushPlan(registry, plan, { retry: 0 });
    expectThere(plan);
  });

  it('a Location that is another one after each part: the last one counts', async () => {
    let state = 0;
    registry.rule = proxy(10 * MIB, ({ method, url, headers, raw }, response) => {
      if (method !== 'PATCH' && !(method === 'PUT' && headers['content-range'] !== undefined)) return undefined;
      const given = Number(/&part=(\d+)/.exec(url)?.[1] ?? 0);
      if (given !== state) {
        raw.resume();
        return send(response, problem(404, 'BLOB_UPLOAD_UNKNOWN'));
      }
      if (method === 'PUT') return undefined;
      return () => {
        state += 1;
        const location = `${url.replace(/&part=\d+/, '')}&part=${state}`;
        send(response, { status: 202, headers: { location, range: `0-${rangeEnd(headers)}` } });
      };
    });
    const plan = imageOf(layerOf(24 * MIB));
    await pushPlan(registry, plan, { retry: 0 });
    expectThere(plan);
    expect(state).toBe(2);
  });

  it.each([200, 202, 204])('%i for what is stored, without a Location', async (status) => {
    registry.rule = proxy(10 * MIB, ({ method, url, headers }, response) => {
      if (method === 'PATCH') return () => send(response, { status, headers: { range: `0-${rangeEnd(headers)}` } });
      return method === 'PUT' && isUpload(url) ? () => send(response, { status }) : undefined;
    });
    const plan = imageOf(layerOf(24 * MIB));
    await pushPlan(registry, plan, { retry: 0 });
    expectThere(plan);
  });

  it('one upload at a time, else 500', async () => {
    let now = 0;
    registry.rule = ({ method, url, raw }, response) => {
      if (method !== 'PUT' || !isUpload(url)) return undefined;
      if (now > 0) {
        raw.resume();
        return send(response, problem(500, 'UNKNOWN', 'duplicate key value violates unique constraint'));
      }
      now += 1;
      response.on('close', () => {
        now -= 1;
      });
      return () => {
        setTimeout(() => send(response, { status: 201 }), 20);
      };
    };
    const plan = imageOf(...Array.from({ length: 12 }, (_, number) => layerOf(1000, number)));
    await pushPlan(registry, plan, { parallel: 4 });
    expectThere(plan);
  });

  it('ten manifests a second, for 64 that push', async () => {
    const clock = new TestClock();
    const times: number[] = [];
    registry.rule = ({ method, url, raw }, response) => {
      if (method !== 'PUT' || !url.includes('/manifests/')) return undefined;
      const now = clock.now();
      if (times.filter((time) => time > now - 1000).length >= 10) {
        raw.resume();
        return send(response, { ...problem(429, 'TOOMANYREQUESTS'), headers: { 'retry-after': '1' } });
      }
      times.push(now);
      return undefined;
    };
    const plan = imageOf(layerOf(10));
    await Promise.all(
      Array.from({ length: 64 }, (_, number) =>
        pushPlan(registry, plan, { to: `team/app:${number}`, clock, stallTimeout: 20_000 }),
      ),
    );
    for (let number = 0; number < 64; number += 1) expectThere(plan, 'team/app', String(number));
  });

  it('a tag that does not move: the same digest is no change, and manifests below go by digest alone', async () => {
    registry.rule = ({ method, url, raw }, response) => {
      const reference = /\/manifests\/([^/?]+)$/.exec(url)?.[1];
      if (method !== 'PUT' || reference === undefined || !registry.manifestsOf('team/app').has(reference))
        return undefined;
      raw.resume();
      return send(response, problem(400, 'TAG_INVALID', 'the tag is immutable'));
    };
    const child = imageOf(layerOf(10));
    const root = imageOf(layerOf(20));
    const plan = { ...root, children: [child.root], blobs: [...root.blobs, ...child.blobs] };
    expect(await pushPlan(registry, plan)).toEqual({ moved: true });
    expect(await pushPlan(registry, plan)).toEqual({ moved: false });
    expect(
      registry.log.filter(({ method, url }) => method === 'PUT' && url.includes('/manifests/')).map(({ url }) => url),
    ).toEqual([`/v2/team/app/manifests/${child.root.digest}`, '/v2/team/app/manifests/1']);
  });

  it('two that push at once: the tag is one of both, whole', async () => {
    const plans = [imageOf(layerOf(MIB)), imageOf(layerOf(MIB, 2))];
    await Promise.all(plans.map((plan) => pushPlan(registry, plan)));
    const named = registry.manifestsOf('team/app').get('1')!;
    const winner = plans.find(({ root }) => named.equals(root.bytes));
    expectThere(winner!);
  });

  it('a layer over 10 GB is spoken of before anything is sent', async () => {
    const plan = imageOf(layerOf(10));
    const huge = { ...outgoing(layerOf(1)), size: 11e9 };
    registry.blobsOf('team/app').set(huge.digest, layerOf(1));
    const job = testJob(() => PUSH_LOGIN);
    await pushPlan(registry, { ...plan, blobs: [...plan.blobs, huge] }, { job });
    const [first] = job.events.filter((event) => event.type === 'message' && event.level === 'note');
    expect(first).toMatchObject({ text: expect.stringContaining('has 11 GB: many registries take at most 10 GB') });
  });

  it('known media types and members alone: files are a plain image', async () => {
    const dir = join(tempDir('files'), 'app');
    mkdirSync(dir);
    writeFileSync(join(dir, 'a'), 'a');
    const known = {
      manifest: ['schemaVersion', 'mediaType', 'config', 'layers', 'annotations'],
      descriptor: ['mediaType', 'digest', 'size'],
      config: ['architecture', 'os', 'config', 'created', 'rootfs', 'history'],
    };
    const only = (value: object, names: readonly string[]): boolean =>
      Object.keys(value).every((name) => names.includes(name));
    let seen = '';
    registry.rule = ({ method, url, headers, raw }, response) => {
      if (method !== 'PUT' || !url.includes('/manifests/')) return undefined;
      seen = headers['content-type'] ?? '';
      if (seen === 'application/vnd.oci.image.manifest.v1+json') return undefined;
      raw.resume();
      return send(response, problem(400, 'MANIFEST_INVALID', 'unknown media type'));
    };
    for (const files of [dir, tempDir('nothing')]) {
      await push(files, `docker-image://${registry.host}/team/app:1`, { cacheDir: tempDir('cache') });
      const manifest = JSON.parse(registry.manifestsOf('team/app').get('1')!.toString()) as {
        config: { mediaType: string; digest: string };
        layers: { mediaType: string; size: number }[];
      };
      expect(only(manifest, known.manifest)).toBe(true);
      for (const one of [manifest.config, ...manifest.layers]) expect(only(one, known.descriptor)).toBe(true);
      expect([manifest.config, ...manifest.layers].map(({ mediaType }) => mediaType)).toEqual([
        'application/vnd.oci.image.config.v1+json',
        'application/vnd.oci.image.layer.v1.tar+gzip',
      ]);
      const config = registry.blobsOf('team/app').get(manifest.config.digest)!;
      expect(only(JSON.parse(config.toString()) as object, known.config)).toBe(true);
      for (const bytes of registry.blobsOf('team/app').values()) expect(bytes.length).toBeGreaterThan(0);
    }
    expect(seen).not.toBe('');
  });
});

/** The last byte that a part's Content-Range names. */
function rangeEnd(headers: { readonly 'content-range'?: string | undefined }): string {
  return /-(\d+)$/.exec(headers['content-range'] ?? '')?.[1] ?? '';
}
