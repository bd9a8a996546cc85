/** Whether a registry or a list knows a key. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { isListed, isPushed, knownRepository, knownTag } from '../../src/build/known.ts';
import { sha256 } from '../../src/core/digest.ts';
import { failureCode } from '../support/failure-code.ts';
import { LayoutBuilder } from '../support/layout-builder.ts';
import { type RegistryOptions, TestRegistry } from '../support/registry.ts';
import { networkOptions, testJob } from '../support/registry-job.ts';
import { newEnv, newStore } from '../support/source-env.ts';
import { tar } from '../support/tar-builder.ts';

const KEY = sha256('known');
const OTHER = sha256('other');

describe('a repository', () => {
  const layout = new LayoutBuilder();
  const image = layout.image({ layers: [layout.layer(tar([]))] });
  let registry: TestRegistry;
  let store: Awaited<ReturnType<typeof newStore>>;
  beforeAll(async () => {
    store = await newStore();
  });
  afterEach(() => registry?.stop());
  afterAll(() => store.close());

  async function ask(key: typeof KEY, options: RegistryOptions = {}, network = networkOptions({ retry: 0 })) {
    registry = await TestRegistry.start(options);
    registry.push(layout, 'team/app', knownTag(KEY), image);
    const repository = knownRepository(`docker-image://${registry.host}/team/app`);
    return isPushed(testJob(), newEnv(store, { network }), repository, key);
  }
  const requests = () => registry.log.map(({ method, url, status }) => `${method} ${url} ${status}`);

  it.each([
    [KEY, true],
    [OTHER, false],
  ])('is asked with one HEAD: %s is %s', async (key, known) => {
    expect(await ask(key)).toBe(known);
    expect(requests()).toEqual([`HEAD /v2/team/app/manifests/ctxsrc-${key.slice(7)} ${known ? 200 : 404}`]);
  });

  it('that is not there yet has no tag', async () => {
    registry = await TestRegistry.start();
    const repository = knownRepository(`docker-image://${registry.host}/new/app`);
    expect(await isPushed(testJob(), newEnv(store), repository, KEY)).toBe(false);
  });

  it.each([
    [KEY, true],
    [OTHER, false],
  ])('that answers no HEAD is asked with a GET: %s is %s', async (key, known) => {
    const intercept: RegistryOptions['intercept'] = (request, response) => {
      if (request.method === 'HEAD') response.writeHead(405).end();
      return request.method === 'HEAD';
    };
    expect(await ask(key, { intercept })).toBe(known);
    expect(registry.count('GET', /manifests/)).toBe(1);
  });

  it('is not asked through a mirror, which may hold what is gone', async () => {
    const mirror = await TestRegistry.start();
    try {
      mirror.push(layout, 'team/app', knownTag(OTHER), image);
      registry = await TestRegistry.start();
      const mirrors = [{ host: registry.host, mirror: mirror.host }];
      const repository = knownRepository(`docker-image://${registry.host}/team/app`);
      const env = newEnv(store, { network: networkOptions({ mirrors }) });
      expect(await isPushed(testJob(), env, repository, OTHER)).toBe(false);
      expect(mirror.log).toEqual([]);
    } finally {
      await mirror.stop();
    }
  });

  it.each([
    [{ auth: { kind: 'basic', username: 'u', password: 'p' } } as const, 'E_UNAUTHORIZED'],
    [{ intercept: refusing(403) }, 'E_FORBIDDEN'],
    [{ intercept: refusing(503) }, 'E_SERVER'],
    [{ intercept: refusing(429) }, 'E_RATE_LIMIT'],
  ])('that does not say is an error, not an answer: %j', async (options, code) => {
    expect(await failureCode(ask(KEY, options, networkOptions({ retry: 0, maxWait: 0 })))).toBe(code);
  });

  it('is not asked with --offline', async () => {
    const repository = knownRepository('docker-image://127.0.0.1:1/x');
    expect(await failureCode(isPushed(testJob(), newEnv(store, { offline: true }), repository, KEY))).toBe('E_OFFLINE');
  });
});

function refusing(status: number): RegistryOptions['intercept'] {
  return (_, response) => {
    response.writeHead(status).end();
    return true;
  };
}

describe('--known', () => {
  it('takes a repository in the familiar form', () => {
    expect(knownRepository('docker-image://team/app')).toMatchObject({ domain: 'docker.io', path: 'team/app' });
  });

  it.each(['team/app', 'docker-image://team/app:1', `docker-image://team/app@${KEY}`, 'oci-layout://./x'])(
    'refuses %s',
    (text) => {
      expect(() => knownRepository(text)).toThrow(expect.objectContaining({ code: 'E_USAGE' }));
    },
  );
});

describe('a list of keys', () => {
  it.each([
    [`${OTHER}\n${KEY}\n`, true],
    [`  ${KEY}\r\n`, true],
    [`sha256-${KEY.slice(7)}`, true],
    [`ctxsrc-${KEY.slice(7)}`, true],
    [`# ${KEY}\n`, false],
    [KEY.slice(0, -1), false],
    ['', false],
  ])('%j: %s', (list, listed) => {
    expect(isListed(list, KEY)).toBe(listed);
  });
});
