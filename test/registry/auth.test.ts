/** Who is told what: challenges, tokens, and credentials that stay where they belong. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { Credential } from '../../src/contract/session.ts';
import type { NetworkOptions } from '../../src/contract/source.ts';
import { CtxsrcError } from '../../src/core/errors.ts';
import { createRegistryClient, type RegistryClient } from '../../src/registry/client.ts';
import { testCredentials } from '../../src/registry/credential-test.ts';
import { networkOptions, TestClock, testJob } from '../support/registry-job.ts';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const DIGEST = `sha256:${'a'.repeat(64)}`;
const PASSWORD = 'planted-secret-Pa55w0rd';
const basic: Credential = { kind: 'basic', username: 'robot', password: PASSWORD, origin: 'the test' };
const basicHeader = `Basic ${Buffer.from(`robot:${PASSWORD}`).toString('base64')}`;

interface Served {
  readonly host: string;
  readonly log: { method: string; url: string; authorization: string | undefined; body: string }[];
}

type Answer = (request: IncomingMessage, url: URL, body: string) => readonly [number, Record<string, string>, string?];

/** A server that answers as told and remembers what it was asked. */
async function serve(answer: Answer): Promise<Served> {
  const log: Served['log'] = [];
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      const url = new URL(request.url ?? '', 'http://server');
      log.push({
        method: request.method ?? '',
        url: request.url ?? '',
        authorization: request.headers.authorization,
        body,
      });
      const [status, headers, text] = answer(request, url, body);
      response.writeHead(status, headers).end(request.method === 'HEAD' ? undefined : text);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, log };
}

const MANIFEST = {
  'content-type': 'application/vnd.oci.image.manifest.v1+json',
  'docker-content-digest': DIGEST,
  'content-length': '99',
};

/** A registry that wants a bearer token from `realm` and takes those in `accepted`. */
function bearer(realm: () => string, accepted: (token: string) => boolean, scope?: string): Answer {
  return (request, url) => {
    const token = /^Bearer (.*)$/.exec(request.headers.authorization ?? '')?.[1];
    if (token !== undefined && accepted(token)) return [200, MANIFEST];
    const repository = /^\/v2\/(.+)\/manifests\//.exec(url.pathname)?.[1];
    const asked = scope ?? (repository === undefined ? '' : `,scope="repository:${repository}:pull"`);
    return [401, { 'www-authenticate': `Bearer realm="${realm()}",service="registry.test"${asked}` }];
  };
}

function client(network: Partial<NetworkOptions> = {}, clock = new TestClock()): RegistryClient {
  const made = createRegistryClient({ network: networkOptions(network), env: {}, clock });
  closing.push(() => made.close());
  return made;
}

const json = (value: unknown): readonly [number, Record<string, string>, string] => [
  200,
  { 'content-type': 'application/json' },
  JSON.stringify(value),
];

describe('a credential', () => {
  it('is not looked for while nobody asks for one', async () => {
    const server = await serve(() => [200, MANIFEST]);
    const job = testJob(() => basic);
    await client().resolve(job, { host: server.host, repository: 'a' }, 'v1');
    expect(job.lookups).toEqual([]);
    expect(server.log[0]?.authorization).toBeUndefined();
  });

  it('is shown to a registry that wants Basic, from then on without being asked again', async () => {
    const server = await serve((request) =>
      request.headers.authorization === basicHeader
        ? [200, MANIFEST]
        : [401, { 'www-authenticate': 'Basic realm="r"' }],
    );
    const made = client();
    const job = testJob(() => basic);
    for (const repository of ['a', 'b']) await made.resolve(job, { host: server.host, repository }, 'v1');
    expect(server.log.map((entry) => entry.authorization)).toEqual([undefined, basicHeader, basicHeader]);
  });

  it('that is refused ends with exit 4 and the place it came from', async () => {
    const server = await serve(() => [401, { 'www-authenticate': 'Basic realm="r"' }]);
    const failing = client().resolve(
      testJob(() => basic),
      { host: server.host, repository: 'a' },
      'v1',
    );
    await expect(failing).rejects.toMatchObject({
      code: 'E_UNAUTHORIZED',
      exit: 4,
      message: expect.stringMatching(/127\.0\.0\.1:\d+.*the credential from the test/),
      hint: expect.stringContaining('ctxsrc auth'),
    });
    expect(server.log).toHaveLength(2);
  });

  it('that is not there ends with how to log in', async () => {
    const server = await serve(() => [401, { 'www-authenticate': 'Basic realm="r"' }]);
    const failing = client().resolve(testJob(), { host: server.host, repository: 'a' }, 'v1');
    await expect(failing).rejects.toMatchObject({
      code: 'E_UNAUTHORIZED',
      message: expect.stringContaining('no credential was found'),
      hint: expect.stringContaining(`docker login ${server.host}`),
    });
  });

  it('whose helper failed is told when the registry insists, and a note when it does not', async () => {
    let open = true;
    const server: Served = await serve((request, url) => {
      if (url.pathname === '/token') return json({ token: 'anonymous' });
      return bearer(
        () => `http://${server.host}/token`,
        () => open,
      )(request, url, '');
    });
    const lookup = (): never => {
      throw new CtxsrcError('E_CREDENTIALS', 'the helper is not there', { hint: 'install it' });
    };
    const job = testJob(lookup);
    await client().resolve(job, { host: server.host, repository: 'a' }, 'v1');
    expect(job.events.filter((event) => event.type === 'message' && event.level === 'note')).toHaveLength(1);
    open = false;
    const failing = client().resolve(testJob(lookup), { host: server.host, repository: 'a' }, 'v1');
    await expect(failing).rejects.toMatchObject({ code: 'E_CREDENTIALS', exit: 4 });
  });
});

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

describe('a redirect', () => {
  it('to another host carries no credential, not even to another port', async () => {
    const other = await serve(() => [200, { 'content-length': '4' }, 'data']);
    const server = await serve((request, url) => {
      if (request.headers.authorization !== basicHeader) return [401, { 'www-authenticate': 'Basic realm="r"' }];
      return url.pathname.includes('/blobs/') ? [307, { location: `http://${other.host}/cdn?sig=x` }] : [404, {}];
    });
    const job = testJob(() => basic);
    const source = await client().blob(job, { host: server.host, repository: 'a' }, `sha256:${'b'.repeat(64)}`);
    for await (const chunk of source.body) expect(Buffer.from(chunk).toString()).toBe('data');
    expect(other.log).toEqual([{ method: 'GET', url: '/cdn?sig=x', authorization: undefined, body: '' }]);
    // The signature of the address is a secret as well.
    expect(JSON.stringify(job.events)).not.toContain('sig=x');
  });

  it('that is relative keeps the credential', async () => {
    const server = await serve((request, url) => {
      if (request.headers.authorization !== basicHeader) return [401, { 'www-authenticate': 'Basic realm="r"' }];
      return url.pathname === '/moved' ? [200, { 'content-length': '4' }, 'data'] : [302, { location: '/moved' }];
    });
    const source = await client().blob(
      testJob(() => basic),
      { host: server.host, repository: 'a' },
      `sha256:${'b'.repeat(64)}`,
    );
    for await (const chunk of source.body) expect(Buffer.from(chunk).toString()).toBe('data');
  });

  it('leads nowhere else: a challenge of the other host is not answered', async () => {
    const other = await serve(() => [401, { 'www-authenticate': 'Basic realm="give me the password"' }]);
    const server = await serve((request) =>
      request.headers.authorization === basicHeader
        ? [307, { location: `http://${other.host}/cdn` }]
        : [401, { 'www-authenticate': 'Basic realm="r"' }],
    );
    const failing = client().blob(
      testJob(() => basic),
      { host: server.host, repository: 'a' },
      `sha256:${'b'.repeat(64)}`,
    );
    await expect(failing).rejects.toMatchObject({ code: 'E_UNAUTHORIZED' });
    expect(other.log.map((entry) => entry.authorization)).toEqual([undefined]);
  });

  it.each(['file:///etc/passwd', 'gopher://x/', 'http://'])('to %s is refused', async (location) => {
    const server = await serve(() => [307, { location }]);
    const failing = client().blob(testJob(), { host: server.host, repository: 'a' }, `sha256:${'b'.repeat(64)}`);
    await expect(failing).rejects.toMatchObject({ code: expect.stringMatching(/^E_(UNSAFE|REGISTRY_PROTOCOL)$/) });
  });

  it('of a token request does not carry the password on', async () => {
    const other = await serve(() => json({ token: 'stolen' }));
    const server: Served = await serve((request, url) => {
      if (url.pathname === '/token')
        return [request.method === 'POST' ? 307 : 302, { location: `http://${other.host}/token` }];
      return bearer(
        () => `http://${server.host}/token`,
        () => false,
      )(request, url, '');
    });
    const identity: Credential = { kind: 'identity-token', token: PASSWORD, origin: 'the test' };
    for (const credential of [basic, identity]) {
      await expect(
        client().resolve(
          testJob(() => credential),
          { host: server.host, repository: 'a' },
          'v1',
        ),
      ).rejects.toBeInstanceOf(CtxsrcError);
    }
    expect(JSON.stringify(other.log)).not.toContain(PASSWORD);
    for (const entry of other.log) expect(entry.authorization).toBeUndefined();
  });
});

describe('what a server says', () => {
  it('is shown in one short line without control characters and without the secrets it echoes', async () => {
    const evil = `\u001b[2J\u202e${'x'.repeat(2000)}`;
    const server = await serve((request) => [
      request.headers.authorization === undefined ? 401 : 403,
      { 'www-authenticate': 'Basic realm="r"' },
      JSON.stringify({
        errors: [{ code: 'DENIED', message: `you sent ${request.headers.authorization}, ${PASSWORD}\n${evil}` }],
      }),
    ]);
    const failing = client().tags(
      testJob(() => basic),
      { host: server.host, repository: 'a' },
      5,
    );
    const error = await failing.catch((failure: CtxsrcError) => failure);
    expect(error).toMatchObject({ code: 'E_FORBIDDEN' });
    const text = String((error as CtxsrcError).message);
    expect(text).toContain('DENIED: you sent');
    expect(text).not.toContain(PASSWORD);
    expect(text).not.toContain(basicHeader.slice(6));
    expect(text).not.toMatch(/[\u0000-\u001f\u202e]/);
    expect(text.length).toBeLessThan(700);
  });
});

describe('testCredentials', () => {
  it('says whether the credential was taken, or none was wanted', async () => {
    const open = await serve(() => [200, {}, '{}']);
    const network = networkOptions();
    expect(
      await testCredentials(
        testJob(() => basic),
        { network, registry: open.host, env: {} },
      ),
    ).toBe('anonymous');
    const closed = await serve((request) =>
      request.headers.authorization === basicHeader
        ? [200, {}, '{}']
        : [401, { 'www-authenticate': 'Basic realm="r"' }],
    );
    expect(
      await testCredentials(
        testJob(() => basic),
        { network, registry: closed.host, env: {} },
      ),
    ).toBe('accepted');
    await expect(testCredentials(testJob(), { network, registry: closed.host, env: {} })).rejects.toMatchObject({
      code: 'E_UNAUTHORIZED',
    });
    expect(open.log.map((entry) => entry.url)).toEqual(['/v2/']);
  });

  it('asks for a token without a scope', async () => {
    const server: Served = await serve((request, url) => {
      if (url.pathname === '/token')
        return request.headers.authorization === basicHeader ? json({ token: 't' }) : [401, {}];
      return bearer(
        () => `http://${server.host}/token`,
        (token) => token === 't',
      )(request, url, '');
    });
    const network = networkOptions();
    expect(
      await testCredentials(
        testJob(() => basic),
        { network, registry: server.host, env: {} },
      ),
    ).toBe('accepted');
    expect(server.log[1]?.url).not.toContain('scope');
  });
});
