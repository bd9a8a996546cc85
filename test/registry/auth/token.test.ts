/** Tokens: how they are asked for, for how long they are kept, and who shares them. */
import { describe, expect, it } from 'vitest';
import type { Credential } from '../../../src/contract/session.ts';
import { OPEN } from '../../../src/http/addresses.ts';
import { tokenRequest } from '../../../src/registry/auth/token.ts';
import { TestClock, testJob } from '../../support/registry-job.ts';
import { basic, basicHeader, bearer, client, json, PASSWORD, type Served, serve } from './challenging-server.ts';

describe('a token', () => {
  it('is asked for with Basic, for the scope of the challenge, and used', async () => {
    const server: Served = await serve((request, url) => {
      if (url.pathname === '/token') return json({ token: 'tok-1', expires_in: 300 });
      return bearer(
        () => `http://${server.host}/token?keep=1`,
        (token) => token === 'tok-1',
      )(request, url, '');
    });
    await client().resolve(
      testJob(() => basic),
      { host: server.host, repository: 'team/app' },
      'v1',
    );
    expect(server.log.map((entry) => entry.authorization)).toEqual([undefined, basicHeader, 'Bearer tok-1']);
    const asked = new URL(server.log[1]?.url ?? '', 'http://x').searchParams;
    expect(Object.fromEntries(asked)).toEqual({
      keep: '1',
      service: 'registry.test',
      scope: 'repository:team/app:pull',
      account: 'robot',
    });
  });

  it('is asked for anonymously where there is no credential', async () => {
    const server: Served = await serve((request, url) => {
      if (url.pathname === '/token') return json({ access_token: 'anonymous' });
      return bearer(
        () => `http://${server.host}/token`,
        (token) => token === 'anonymous',
      )(request, url, '');
    });
    await client().resolve(testJob(), { host: server.host, repository: 'team/app' }, 'v1');
    expect(server.log[1]?.authorization).toBeUndefined();
  });

  it('is asked for with an identity token by POST, as OAuth2 has it', async () => {
    const server: Served = await serve((request, url, body) => {
      if (url.pathname !== '/token')
        return bearer(
          () => `http://${server.host}/token`,
          (token) => token === 'oauth',
        )(request, url, '');
      const form = new URLSearchParams(body);
      const right = form.get('grant_type') === 'refresh_token' && form.get('refresh_token') === PASSWORD;
      return right ? json({ access_token: 'oauth', expires_in: 60 }) : [401, {}];
    });
    const credential: Credential = { kind: 'identity-token', token: PASSWORD, origin: 'the test' };
    await client().resolve(
      testJob(() => credential),
      { host: server.host, repository: 'team/app' },
      'v1',
    );
    expect(server.log[1]).toMatchObject({ method: 'POST', authorization: undefined });
    const form = new URLSearchParams(server.log[1]?.body);
    expect(form.get('scope')).toBe('repository:team/app:pull');
    expect(form.get('service')).toBe('registry.test');
    expect(form.get('client_id')).toBe('ctxsrc');
  });

  it('is asked for by POST with the password where GET is not known', async () => {
    const server: Served = await serve((request, url, body) => {
      if (url.pathname !== '/token')
        return bearer(
          () => `http://${server.host}/token`,
          (token) => token === 'posted',
        )(request, url, '');
      if (request.method === 'GET') return [405, {}];
      return new URLSearchParams(body).get('password') === PASSWORD ? json({ access_token: 'posted' }) : [401, {}];
    });
    await client().resolve(
      testJob(() => basic),
      { host: server.host, repository: 'a' },
      'v1',
    );
    expect(server.log.map((entry) => entry.method)).toEqual(['HEAD', 'GET', 'POST', 'HEAD']);
  });

  it('of the user’s own is shown as it is', async () => {
    const server: Served = await serve(
      bearer(
        () => `http://${server.host}/token`,
        (token) => token === PASSWORD,
      ),
    );
    const credential: Credential = { kind: 'bearer', token: PASSWORD, origin: 'CTXSRC_TOKEN' };
    await client().resolve(
      testJob(() => credential),
      { host: server.host, repository: 'a' },
      'v1',
    );
    expect(server.log.map((entry) => entry.authorization)).toEqual([undefined, `Bearer ${PASSWORD}`]);
    const wrong: Credential = { ...credential, token: 'wrong-token' };
    await expect(
      client().resolve(
        testJob(() => wrong),
        { host: server.host, repository: 'a' },
        'v1',
      ),
    ).rejects.toMatchObject({
      code: 'E_UNAUTHORIZED',
      message: expect.stringContaining('CTXSRC_TOKEN'),
    });
  });

  it('is kept per scope until it expires, and then asked for anew', async () => {
    let issued = 0;
    const valid = new Set<string>();
    const server: Served = await serve((request, url) => {
      if (url.pathname === '/token') {
        issued += 1;
        valid.add(`tok-${issued}`);
        return json({ token: `tok-${issued}`, expires_in: 100 });
      }
      return bearer(
        () => `http://${server.host}/token`,
        (token) => valid.has(token),
      )(request, url, '');
    });
    const clock = new TestClock();
    const made = client({}, clock);
    const resolve = (repository: string): Promise<unknown> =>
      made.resolve(
        testJob(() => basic),
        { host: server.host, repository },
        'v1',
      );
    await resolve('a');
    await resolve('a');
    expect(issued).toBe(1);
    await resolve('b');
    expect(issued).toBe(2);
    clock.advance(91_000);
    await resolve('a');
    expect(issued).toBe(3);
    // The token was asked for before the request that needed it: nobody was refused but the very first.
    expect(server.log.filter((entry) => entry.authorization === undefined)).toHaveLength(1);
    // A token that is no longer taken is replaced once.
    valid.clear();
    await resolve('a');
    expect(issued).toBe(4);
  });

  it('is asked for once when many want it at the same time', async () => {
    let issued = 0;
    const server: Served = await serve((request, url) => {
      if (url.pathname === '/token') {
        issued += 1;
        return json({ token: 'shared', expires_in: 100 });
      }
      return bearer(
        () => `http://${server.host}/token`,
        (token) => token === 'shared',
      )(request, url, '');
    });
    const made = client();
    const job = testJob(() => basic);
    await Promise.all(
      Array.from({ length: 8 }, (_, index) => made.resolve(job, { host: server.host, repository: 'a' }, `v${index}`)),
    );
    expect(issued).toBe(1);
    expect(job.lookups).toHaveLength(1);
  });

  it('covers several scopes when the challenge names them', async () => {
    const server: Served = await serve((request, url) => {
      if (url.pathname === '/token') return json({ token: 'both' });
      const scope = ',scope="repository:a:pull repository:base:pull"';
      return bearer(
        () => `http://${server.host}/token`,
        (token) => token === 'both',
        scope,
      )(request, url, '');
    });
    await client().resolve(testJob(), { host: server.host, repository: 'a' }, 'v1');
    expect(new URL(server.log[1]?.url ?? '', 'http://x').searchParams.getAll('scope')).toEqual([
      'repository:a:pull',
      'repository:base:pull',
    ]);
  });

  it('is asked for again when a later request is challenged for more', async () => {
    const server: Served = await serve((request, url) => {
      if (url.pathname === '/token')
        return json({ token: url.searchParams.getAll('scope').length > 1 ? 'more' : 'less' });
      const path = `http://${server.host}/token`;
      if (url.pathname.includes('/blobs/')) {
        if (request.headers.authorization === 'Bearer more') return [200, { 'content-length': '2' }, 'ok'];
        return bearer(
          () => path,
          () => false,
          ',scope="repository:a:pull repository:b:pull"',
        )(request, url, '');
      }
      return bearer(
        () => path,
        (token) => token === 'less',
      )(request, url, '');
    });
    const made = client();
    const job = testJob();
    await made.resolve(job, { host: server.host, repository: 'a' }, 'v1');
    const source = await made.blob(job, { host: server.host, repository: 'a' }, `sha256:${'b'.repeat(64)}`);
    for await (const chunk of source.body) expect(Buffer.from(chunk).toString()).toBe('ok');
  });

  it.each(['not a url', '', 'ftp://evil.example/token'])('is not asked for at %j', async (realm) => {
    const server = await serve(() => [401, { 'www-authenticate': `Bearer realm="${realm}"` }]);
    const failing = client().resolve(
      testJob(() => basic),
      { host: server.host, repository: 'a' },
      'v1',
    );
    await expect(failing).rejects.toMatchObject({ code: expect.stringMatching(/^E_(REGISTRY_PROTOCOL|UNSAFE)$/) });
  });
});

describe('the server that gives tokens', () => {
  const asked = (realm: string, from: string): string =>
    tokenRequest(
      { kind: 'bearer', parameters: { realm } },
      { url: new URL(from), zone: OPEN },
      undefined,
      'the.registry',
    ).realm.href;

  it('is asked over TLS at the registry’s own origin when that names itself without', () => {
    expect(asked('http://harbor.example/service/token?a=b', 'https://harbor.example/v2/')).toBe(
      'https://harbor.example/service/token?a=b',
    );
    expect(asked('http://harbor.example:8080//token', 'https://harbor.example/v2/')).toBe(
      'https://harbor.example//token',
    );
    expect(asked('http://HARBOR.example/token', 'https://harbor.example:8443/')).toBe(
      'https://harbor.example:8443/token',
    );
    expect(asked('http://harbor.example/token', 'http://harbor.example/')).toBe('http://harbor.example/token');
  });

  it.each([
    'http://other.example/token',
    'http://harbor.example.evil.test/',
    'ftp://harbor.example/',
    'http://sub.harbor.example/',
  ])('is not asked without TLS on another host: %s', (realm) => {
    const asking = (): string => asked(realm, 'https://harbor.example/v2/');
    expect(asking).toThrow(expect.objectContaining({ code: 'E_UNSAFE', exit: 8 }));
  });
});
