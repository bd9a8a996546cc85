/** Pushes to registries with the rules and faults of those in the field. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CtxsrcError } from '../../../src/core/errors.ts';
import { contentOfFile } from '../../../src/registry/push/blob.ts';
import type { PushPlan } from '../../../src/snapshot/push/plan.ts';
import { digestOf } from '../../support/layout-builder.ts';
import { PushRegistry, problem, send } from '../../support/push-registry.ts';
import { pushUnderFaults } from '../../support/push-rounds.ts';
import { imageOf, layerOf, outgoing, type PlanPush, pushPlan } from '../../support/pushed-image.ts';
import { TestClock } from '../../support/registry-job.ts';
import { tempDir } from '../../support/temp.ts';

const MIB = 1024 * 1024;
const TYPE = 'application/vnd.oci.image.manifest.v1+json';

describe('a push to a registry', () => {
  let registry: PushRegistry;
  let told: string[];

  beforeEach(async () => {
    registry = await PushRegistry.start();
    told = [];
  });
  afterEach(() => registry.stop());

  function push(plan: PushPlan, options: PlanPush = {}): Promise<{ readonly moved: boolean }> {
    return pushPlan(registry, plan, { tell: ({ kind }, outcome) => told.push(`${kind} ${outcome}`), ...options });
  }

  async function failure(plan: PushPlan, options: PlanPush = {}): Promise<CtxsrcError> {
    const error = await push(plan, options).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(CtxsrcError);
    // Nothing is half visible: the tag names what it named before.
    expect(registry.manifestsOf('team/app').has('1')).toBe(false);
    return error as CtxsrcError;
  }

  function expectThere(plan: PushPlan): void {
    expect(registry.manifestsOf('team/app').get('1')).toEqual(Buffer.from(plan.root.bytes));
    for (const { digest, size } of plan.blobs) expect(registry.blobsOf('team/app').get(digest)?.length).toBe(size);
  }

  it('sends each blob whole, its length first, and the tag last; a second push asks once', async () => {
    const plan = imageOf(layerOf(3 * MIB), layerOf(0));
    expect(await push(plan)).toEqual({ moved: true });
    expectThere(plan);
    const puts = registry.log.filter(({ method }) => method === 'PUT');
    expect(puts.map(({ headers }) => Number(headers['content-length'])).sort()).toEqual(
      [24, 0, 3 * MIB, plan.root.bytes.length].sort(),
    );
    for (const { headers } of puts) {
      expect(headers['content-range']).toBeUndefined();
      expect(headers['transfer-encoding']).toBeUndefined();
    }
    expect(registry.log.at(-1)).toMatchObject({ method: 'PUT', url: '/v2/team/app/manifests/1' });
    expect(registry.log.at(-1)!.headers['content-type']).toBe(TYPE);
    registry.log.length = 0;
    expect(await push(plan)).toEqual({ moved: false });
    expect(registry.log.map(({ method }) => method)).toEqual(['HEAD']);
  });

  it('asks for the right to push by the name, not by the challenge, and renews tokens on the way', async () => {
    registry.tokenLife = 300;
    registry.rule = ({ method, number }) => {
      if (method === 'PUT' && number === 2) registry.forgetTokens();
      return undefined;
    };
    const plan = imageOf(layerOf(10), layerOf(20, 2), layerOf(30, 3));
    await push(plan, { parallel: 1 });
    expectThere(plan);
    expect(new Set(registry.scopes)).toEqual(new Set(['repository:team/app:pull,push']));
    expect(registry.scopes.length).toBe(2);
  });

  it("a fresh token that is refused is a denial, with the registry's reason and without a third try", async () => {
    registry.tokenLife = 300;
    registry.rule = ({ url }, response) =>
      url.startsWith('/token') || response.req.method !== 'POST'
        ? undefined
        : send(response, problem(403, 'DENIED', 'you may only pull'));
    const error = await failure(imageOf(layerOf(10)), { parallel: 1 });
    expect(error.code).toBe('E_FORBIDDEN');
    expect(error.message).toMatch(/DENIED: you may only pull/);
    expect(error.hint).toMatch(/ctxsrc auth --push team\/app/);
    expect(`${error.message}${error.hint}`).not.toContain('secret-word');
    expect(registry.count('POST', /uploads/)).toBe(1);
  });

  it('a commit whose answer is lost is asked about, and not sent again', async () => {
    registry.rule = ({ method, url, raw }) =>
      method === 'PUT' && url.includes('/blobs/') ? () => raw.socket.destroy() : undefined;
    const plan = imageOf(layerOf(100));
    await push(plan);
    expectThere(plan);
    expect(registry.count('PUT', /uploads/)).toBe(2);
  });

  it('a commit that is not answered in time is asked about, and not sent again', async () => {
    registry.rule = ({ method, url }) => (method === 'PUT' && url.includes('/blobs/') ? () => undefined : undefined);
    const plan = imageOf();
    await push(plan, { stallTimeout: 500 });
    expectThere(plan);
    expect(registry.count('PUT', /uploads/)).toBe(1);
  });

  it('an upload that another replica does not know gets a new session', async () => {
    registry.rule = ({ method, url, number, raw }, response) => {
      if (method !== 'PUT' || !url.includes('/blobs/') || number > 2) return undefined;
      raw.resume();
      return send(response, problem(404, 'BLOB_UPLOAD_UNKNOWN'));
    };
    const plan = imageOf(layerOf(100));
    await push(plan);
    expectThere(plan);
    expect(registry.count('PUT', /uploads/)).toBe(4);
  });

  it('a file arrives as it is at a server that reads slowly', async () => {
    const plan = imageOf();
    const bytes = Buffer.from(Uint32Array.from({ length: 6 * MIB }, (_, index) => index).buffer);
    const path = join(tempDir('blob'), 'layer');
    writeFileSync(path, bytes);
    const large = { ...outgoing(bytes), content: async () => contentOfFile(path) };
    registry.rule = ({ method, raw }) => {
      if (method === 'PUT') raw.pause();
      setTimeout(() => raw.resume(), 200);
      return undefined;
    };
    await push({ ...plan, blobs: [...plan.blobs, large] });
    expect(registry.blobsOf('team/app').get(large.digest)?.equals(bytes)).toBe(true);
  });

  it('what the repository or another one has is not sent; a mount that fails is no failure', async () => {
    const plan = imageOf(layerOf(100), layerOf(200, 2), layerOf(300, 3));
    const [, first, second] = plan.blobs;
    registry.blobsOf('team/app').set(first!.digest, layerOf(100));
    registry.blobsOf('base/image').set(second!.digest, layerOf(200, 2));
    registry.rule = ({ url, number }, response) =>
      url.includes('mount=') && number === 1 ? send(response, problem(403, 'DENIED')) : undefined;
    await push(plan, { from: 'base/image', parallel: 1 });
    expectThere(plan);
    // The largest first.
    expect(told).toEqual(['layer sent', 'layer mounted', 'layer present', 'configuration sent', 'manifest sent']);
    expect(registry.count('PUT', /uploads/)).toBe(2);
  });

  it.each([
    ['parts of at most 4 MiB (416)', 4 * MIB, 416],
    ['a proxy that takes no whole blob (413, in HTML)', 11 * MIB, 413],
  ])('%s', async (_, most, status) => {
    registry.rule = ({ method, url, headers, raw }, response) => {
      const length = Number(headers['content-length'] ?? 0);
      if (!url.includes('/blobs/uploads/id') || length === 0) return undefined;
      if (method === 'PUT' && headers['content-range'] === undefined ? length <= 5 * MIB : length <= most)
        return undefined;
      raw.resume();
      if (method === 'PUT') return send(response, { status: 413, body: '<html><title>Too Large</title></html>' });
      return send(response, problem(status, 'SIZE_INVALID'));
    };
    const plan = imageOf(layerOf(22 * MIB));
    await push(plan);
    expectThere(plan);
    const parts = registry.log.filter(({ method, status }) => method === 'PATCH' && status === 202);
    expect(parts.length).toBeGreaterThan(1);
    expect(parts[0]!.headers['content-range']).toMatch(/^0-\d+$/);
    for (const { headers } of parts) {
      const [, from, to] = /^(\d+)-(\d+)$/.exec(headers['content-range']!)!;
      expect(Number(headers['content-length'])).toBe(Number(to) - Number(from) + 1);
    }
    // The closing request has the last part: some registries refuse an empty one.
    const closing = registry.log.filter(({ method, headers }) => method === 'PUT' && headers['content-range']);
    expect(closing.length).toBe(1);
    expect(Number(closing[0]!.headers['content-length'])).toBeGreaterThan(0);
  });

  it('a part whose answer is lost is asked about, and goes on where the registry is', async () => {
    registry.rule = ({ method, headers, number, raw }, response) => {
      if (method === 'PATCH' && number === 2) return () => raw.socket.destroy();
      if (method !== 'PUT' || headers['content-range'] !== undefined || Number(headers['content-length']) < MIB)
        return undefined;
      raw.resume();
      return send(response, { status: 413 });
    };
    const plan = imageOf(layerOf(24 * MIB));
    await push(plan);
    expectThere(plan);
    expect(registry.count('PATCH', /./)).toBe(2);
    expect(registry.count('GET', /uploads/)).toBe(1);
  });

  it.each([
    ['no part that it accepted', 'E_SERVER', 3, () => ({ status: 202, headers: { range: '0-0' } })],
    [
      'a part only until the next one',
      'E_REGISTRY_PROTOCOL',
      6,
      (number: number) =>
        number % 2 === 1 ? { status: 202, headers: { range: '0-9' } } : problem(416, 'RANGE_INVALID'),
    ],
  ])('a registry that has %s is not tried for ever', async (_, code, parts, answer) => {
    registry.rule = ({ method, url, number, raw }, response) => {
      const whole = method === 'PUT' && url.includes('/blobs/');
      if (method !== 'PATCH' && !whole) return undefined;
      raw.resume();
      return send(response, whole ? { status: 413 } : number <= 20 ? answer(number) : problem(400, 'TOO_OFTEN'));
    };
    const plan = imageOf(layerOf(2 * MIB));
    registry.blobsOf('team/app').set(plan.blobs[0]!.digest, layerOf(24));
    expect((await failure(plan, { retry: 2 })).code).toBe(code);
    expect(registry.count('PATCH', /./)).toBe(parts);
  });

  it.each([
    ['a size that is refused', 413, 'SIZE_INVALID', 'too large', 'E_LIMIT'],
    ['a quota', 403, 'DENIED', 'the quota of the project is used up', 'E_LIMIT'],
    ['a quota that is told as a defect of the server', 500, 'UNKNOWN', 'quota exceeded', 'E_LIMIT'],
    ['no space', 507, 'UNKNOWN', 'no', 'E_LIMIT'],
    ['a repository that is not there', 404, 'NAME_UNKNOWN', 'repository not found', 'E_NOT_FOUND'],
  ])('%s is final', async (_, status, code, message, expected) => {
    registry.rule = ({ method }, response) =>
      method === 'POST' ? send(response, problem(status, code, message)) : undefined;
    const error = await failure(imageOf(), { retry: 5 });
    expect(error.code).toBe(expected);
    expect(error.message).toContain(message);
    expect(registry.count('POST', /uploads/)).toBe(1);
  });

  it('a part that is too large is final', async () => {
    registry.rule = ({ method, url, raw }, response) => {
      if (method !== 'PATCH' && (method !== 'PUT' || !url.includes('/blobs/'))) return undefined;
      raw.resume();
      return send(response, { status: 413 });
    };
    // The configuration is too small for parts.
    expect((await failure(imageOf())).code).toBe('E_LIMIT');
    expect(registry.count('PATCH', /./)).toBe(0);
    expect((await failure(imageOf(layerOf(2 * MIB)), { parallel: 1 })).code).toBe('E_LIMIT');
    expect(registry.count('PATCH', /./)).toBe(1);
  });

  it('a refusal that is sent while the body still comes decides, not the broken connection', async () => {
    registry.rule = ({ method, url, raw }, response) => {
      if (method !== 'PUT' || !url.includes('/blobs/')) return undefined;
      send(response, problem(401, 'UNAUTHORIZED', 'no pushing here'));
      response.on('finish', () => setTimeout(() => raw.socket.resetAndDestroy(), 20));
      return true;
    };
    const error = await failure(imageOf(layerOf(30 * MIB)), { parallel: 1 });
    expect(error.code).toBe('E_UNAUTHORIZED');
    expect(error.message).toContain('no pushing here');
  });

  it('a busy registry is given time, and fewer uploads at once', async () => {
    const waits = new TestClock();
    let busy = 0;
    let most = 0;
    let now = 0;
    registry.rule = ({ method, number }, response) => {
      if (method === 'POST' && number <= 4) {
        busy += 1;
        return send(response, { ...problem(429, 'TOOMANYREQUESTS'), headers: { 'retry-after': '2' } });
      }
      if (method === 'PUT' && busy === 4) {
        now += 1;
        most = Math.max(most, now);
        response.on('finish', () => {
          now -= 1;
        });
      }
      return undefined;
    };
    const plan = imageOf(...Array.from({ length: 12 }, (_, number) => layerOf(100, number)));
    await push(plan, { clock: waits, parallel: 4 });
    expectThere(plan);
    expect(Math.max(...waits.waits)).toBeGreaterThanOrEqual(2000);
    expect(most).toBeLessThanOrEqual(4);
  });

  it('a rate limit that does not clear in time is exit 76', async () => {
    registry.rule = ({ method }, response) =>
      method === 'POST'
        ? send(response, { ...problem(429, 'TOOMANYREQUESTS'), headers: { 'retry-after': '3600' } })
        : undefined;
    const error = await failure(imageOf());
    expect(error).toMatchObject({ code: 'E_RATE_LIMIT', exit: 76 });
  });

  it('what the registry said it had and lacks is sent again, once', async () => {
    const plan = imageOf(layerOf(100));
    const gone = plan.blobs[1]!.digest;
    registry.rule = ({ method, url, number }, response) =>
      method === 'HEAD' && url.endsWith(gone) && number <= 2 ? send(response, { status: 200 }, 'HEAD') : undefined;
    await push(plan);
    expectThere(plan);
    expect(registry.count('PUT', /manifests/)).toBe(5);
  });

  it('a registry that loses what was pushed is exit 75, and the tag stays', async () => {
    registry.rule = ({ method, url }, response) => {
      if (method !== 'PUT' || !url.includes('/manifests/')) return undefined;
      response.req.resume();
      return send(response, problem(404, 'MANIFEST_BLOB_UNKNOWN', 'blob unknown to registry'));
    };
    const error = await failure(imageOf(layerOf(100)));
    expect(error).toMatchObject({ code: 'E_SERVER', exit: 75 });
    expect(error.message).toContain('loses what was pushed');
  });

  it.each([
    ['the first of two children', 0, 5],
    ['the second, and the first when it is sent again', 1, 9],
  ])('a registry that refuses %s without a word of what it lacks is exit 75', async (_, there, puts) => {
    const children = [imageOf(layerOf(1)), imageOf(layerOf(2))].map(({ root }) => root);
    for (const { digest, bytes } of children.slice(0, there)) {
      registry.manifestsOf('team/app').set(digest, Buffer.from(bytes));
    }
    registry.rule = ({ method, url, raw }, response) => {
      if (method !== 'PUT' || !url.includes('/manifests/')) return undefined;
      raw.resume();
      return send(response, problem(404, 'MANIFEST_BLOB_UNKNOWN'));
    };
    expect(await failure({ ...imageOf(), children })).toMatchObject({ code: 'E_SERVER', exit: 75 });
    expect(registry.count('PUT', /manifests/)).toBe(puts);
  });

  it.each([
    [409, 'TAG_EXISTS', 'conflict'],
    [400, 'TAG_INVALID', 'The image tag already exists and cannot be overwritten because the repository is immutable'],
    [412, 'PRECONDITION', 'configured as immutable, cannot be updated'],
  ])('a tag that the registry does not move (%s %s) is exit 9', async (status, code, message) => {
    registry.rule = ({ method, url, raw }, response) => {
      if (method !== 'PUT' || !url.includes('/manifests/')) return undefined;
      raw.resume();
      return send(response, problem(status, code, message));
    };
    const error = await failure(imageOf());
    expect(error).toMatchObject({ code: 'E_TARGET_EXISTS', exit: 9 });
    expect(error.message).toContain(message);
  });

  it('another host gets the blob and no credential', async () => {
    const other = await PushRegistry.start();
    try {
      registry.tokenLife = 300;
      registry.rule = ({ method, url }, response) =>
        method === 'POST' && !url.startsWith('/token') && response.req.headers.authorization !== undefined
          ? send(response, {
              status: 202,
              headers: { location: `http://localhost:${other.host.split(':')[1]}/put?x=1` },
            })
          : undefined;
      const plan = imageOf(layerOf(10));
      other.rule = ({ method, url, raw }, response) => {
        const digest = new URL(url, 'http://x').searchParams.get('digest')!;
        raw.resume();
        registry.blobsOf('team/app').set(digest, digest === plan.blobs[1]!.digest ? layerOf(10) : Buffer.alloc(24));
        return send(response, { status: method === 'PUT' ? 201 : 405 });
      };
      await push(plan);
      expect(other.log.map(({ method, url }) => `${method} ${url.slice(0, 9)}`)).toEqual([
        'PUT /put?x=1&',
        'PUT /put?x=1&',
      ]);
      for (const { headers } of other.log) expect(headers.authorization).toBeUndefined();
    } finally {
      await other.stop();
    }
  });

  it('wrong bytes never arrive whole, and are exit 5', async () => {
    const plan = imageOf();
    const wrong = { ...outgoing(layerOf(600_000)), digest: digestOf('something else') };
    const error = await failure({ ...plan, blobs: [...plan.blobs, wrong] });
    expect(error).toMatchObject({ code: 'E_DIGEST_MISMATCH', exit: 5 });
    expect([...registry.blobsOf('team/app').keys()]).not.toContain(wrong.digest);
  });

  // The long run is in test/soak.
  it.each([1, 2, 3, 4, 5])('faults at random (%i): what arrives is right, or nothing is there', (round) =>
    pushUnderFaults(`short ${round}`),
  );

  it('a digest that the registry says it stored is compared', async () => {
    registry.rule = ({ method, url, raw }, response) => {
      if (method !== 'PUT' || !url.includes('/manifests/')) return undefined;
      raw.resume();
      return send(response, { status: 201, headers: { 'docker-content-digest': digestOf('another') } });
    };
    expect((await failure(imageOf())).code).toBe('E_DIGEST_MISMATCH');
  });
});
