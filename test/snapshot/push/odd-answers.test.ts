/** Answers of registries that are nearly right, alone and together with a lost one: none of them ends a good push. */
import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PushPlan } from '../../../src/snapshot/push/plan.ts';
import { failure } from '../../support/failure-code.ts';
import { digestOf } from '../../support/layout-builder.ts';
import { PushRegistry, problem, type Rule, send } from '../../support/push-registry.ts';
import { imageOf, layerOf, outgoing, pushPlan } from '../../support/pushed-image.ts';

const MIB = 1024 * 1024;

describe('a registry whose answers are nearly right', () => {
  let registry: PushRegistry;
  beforeEach(async () => {
    registry = await PushRegistry.start();
  });
  afterEach(() => registry.stop());

  function expectThere(plan: PushPlan): void {
    expect(registry.manifestsOf('team/app').get('1')).toEqual(Buffer.from(plan.root.bytes));
    for (const { digest, size } of plan.blobs) expect(registry.blobsOf('team/app').get(digest)?.length).toBe(size);
  }

  const isUpload = (url: string): boolean => url.includes('/blobs/uploads/id');
  const isManifest = (method: string, url: string): boolean => method === 'PUT' && url.includes('/manifests/');
  /** Only parts of a blob that was refused whole pass. */
  const inParts =
    (then: Rule): Rule =>
    (request, response) => {
      const { method, url, headers, raw } = request;
      const whole =
        method === 'PUT' && headers['content-range'] === undefined && Number(headers['content-length']) > MIB;
      if (!isUpload(url) || !whole) return then(request, response);
      raw.resume();
      return send(response, { status: 413 });
    };

  it.each([
    ['409', problem(409, 'TAG_EXISTS')],
    ['400', problem(400, 'TAG_INVALID', 'the tag is immutable')],
  ])('a tag that does not move (%s), and the answer to the first try was lost', async (_, refused) => {
    registry.rule = ({ method, url, raw, number }, response) => {
      // For a moment the registry does not show what it has.
      if (method === 'HEAD' && url.includes('/manifests/') && number <= 2) return send(response, { status: 404 });
      if (!isManifest(method, url)) return undefined;
      if (number === 1) return () => raw.socket.destroy();
      raw.resume();
      return send(response, refused);
    };
    const plan = imageOf(layerOf(10));
    expect(await pushPlan(registry, plan)).toEqual({ moved: true });
    expectThere(plan);
  });

  it('a tag that does not move, and another put the same under it in between; or something else', async () => {
    const plan = imageOf(layerOf(10));
    let there = plan;
    registry.rule = ({ method, url, raw }, response) => {
      if (!isManifest(method, url)) return undefined;
      raw.resume();
      const bytes = Buffer.from(there.root.bytes);
      registry.manifestsOf('team/app').set('1', bytes).set(digestOf(bytes), bytes);
      return send(response, problem(400, 'TAG_INVALID', 'the tag is immutable'));
    };
    await pushPlan(registry, plan);
    expectThere(plan);
    registry.manifestsOf('team/app').clear();
    there = imageOf(layerOf(11));
    expect(await failure(pushPlan(registry, plan))).toMatchObject({ code: 'E_TARGET_EXISTS', exit: 9 });
  });

  it('a manifest below that another put in between, which is a conflict', async () => {
    const child = imageOf(layerOf(10));
    const root = imageOf(layerOf(20));
    registry.rule = ({ method, url, raw }, response) => {
      if (!isManifest(method, url) || !url.endsWith(child.root.digest)) return undefined;
      raw.resume();
      registry.manifestsOf('team/app').set(child.root.digest, Buffer.from(child.root.bytes));
      return send(response, problem(409, 'CONFLICT'));
    };
    const plan = { ...root, children: [child.root], blobs: [...root.blobs, ...child.blobs] };
    await pushPlan(registry, plan);
    expectThere(plan);
  });

  it('an image with addresses of layers that fails without a reason: the hint names them', async () => {
    registry.rule = ({ method, url, raw }, response) => {
      if (!isManifest(method, url)) return undefined;
      raw.resume();
      return send(response, problem(500, 'UNKNOWN'));
    };
    const plan = imageOf(layerOf(10));
    const bytes = Buffer.from('{ "layers": [{ "urls": ["https://example.com/layer"] }] }');
    const foreign = { ...plan, root: { ...plan.root, digest: digestOf(bytes), bytes } };
    const refused = (which: PushPlan) => failure(pushPlan(registry, which, { retry: 0 }));
    expect(await refused(foreign)).toMatchObject({ code: 'E_SERVER', hint: expect.stringContaining('urls.allow') });
    expect(await refused(plan)).toMatchObject({ code: 'E_SERVER', hint: 'try again later' });
  });

  it('the number of bytes where the last one belongs', async () => {
    registry.rule = inParts(({ method, headers }, response) => {
      const last = /-(\d+)$/.exec(headers['content-range'] ?? '')?.[1];
      if (method !== 'PATCH') return undefined;
      return () => send(response, { status: 202, headers: { range: `0-${Number(last) + 1}` } });
    });
    const plan = imageOf(layerOf(24 * MIB));
    await pushPlan(registry, plan, { retry: 0 });
    expectThere(plan);
    expect(registry.count('PATCH', /./)).toBe(2);
  });

  it('a last part that does not fit what the registry has begins anew', async () => {
    registry.rule = inParts(({ method, headers, raw, number }, response) => {
      if (method !== 'PUT' || headers['content-range'] === undefined || number > 3) return undefined;
      raw.resume();
      return send(response, problem(416, 'RANGE_INVALID'));
    });
    const plan = imageOf(layerOf(24 * MIB));
    await pushPlan(registry, plan, { parallel: 1 });
    expectThere(plan);
    expect(registry.log.filter(({ status }) => status === 416)).not.toEqual([]);
  });

  it('sha256 for what was sent as sha512', async () => {
    const layer = layerOf(30);
    const sha512 = {
      ...outgoing(layer),
      digest: `sha512:${createHash('sha512').update(layer).digest('hex')}`,
    } as const;
    registry.rule = ({ method, url }, response) => {
      if (method !== 'PUT' || !url.includes('digest=sha512')) return undefined;
      return () => {
        registry.blobsOf('team/app').set(sha512.digest, layer);
        send(response, { status: 201, headers: { 'docker-content-digest': digestOf(layer) } });
      };
    };
    const bytes = Buffer.from('{ "layers": [] }');
    const root = {
      digest: `sha512:${createHash('sha512').update(bytes).digest('hex')}` as const,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      bytes,
    };
    const plan = { ...imageOf(), root, blobs: [sha512] };
    expect(await pushPlan(registry, plan)).toEqual({ moved: true });
    expectThere(plan);
    // Its HEAD names the tag's digest by sha256, too.
    expect(await pushPlan(registry, plan)).toEqual({ moved: false });
  });

  it.each<
    [
      string,
      string,
      { readonly method: string; readonly answer: Parameters<typeof send>[1] | undefined },
      RegExp,
      RegExp,
    ]
  >([
    [
      'no Location',
      'E_REGISTRY_PROTOCOL',
      { method: 'POST', answer: { status: 202 } },
      /names no place/,
      /header Location/,
    ],
    [
      'a page instead',
      'E_REGISTRY_PROTOCOL',
      { method: 'POST', answer: { status: 200, body: '<html><title>Log in</title></html>' } },
      /status 200 \(Log in\)/,
      /no proxy answers in its place/,
    ],
    [
      'another place, for something else',
      'E_REGISTRY_PROTOCOL',
      { method: 'PUT', answer: { status: 301, headers: { location: '/x' } } },
      /^cannot push .* redirects an upload/,
      /operator/,
    ],
    [
      'a wait that is too long',
      'E_RATE_LIMIT',
      { method: 'PUT', answer: { ...problem(429, 'TOOMANYREQUESTS'), headers: { 'retry-after': '9999' } } },
      /rate limit/,
      /--parallel 1/,
    ],
    [
      'a closed connection',
      'E_NETWORK',
      { method: 'PUT', answer: undefined },
      /^cannot push /,
      /^try again: what is there/,
    ],
  ])('%s, each time: what is said is about a push', async (_, code, { method, answer }, message, hint) => {
    registry.rule = ({ url, raw, ...request }, response) => {
      if (request.method !== method || !url.includes('/blobs/')) return undefined;
      raw.resume();
      if (answer !== undefined) return send(response, answer);
      raw.socket.destroy();
      return true;
    };
    const error = await failure(pushPlan(registry, imageOf(layerOf(10)), { retry: 1 }));
    expect(error).toMatchObject({ code, message: expect.stringMatching(message), hint: expect.stringMatching(hint) });
    expect(registry.manifestsOf('team/app').size).toBe(0);
  });
});
