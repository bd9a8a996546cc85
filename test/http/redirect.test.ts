/** A redirect takes no credential along to where it does not belong. */
import { describe, expect, it } from 'vitest';
import type { Credential } from '../../src/contract/session.ts';
import { CtxsrcError } from '../../src/core/errors.ts';
import {
  basic,
  basicHeader,
  bearer,
  client,
  json,
  PASSWORD,
  type Served,
  serve,
} from '../registry/auth/challenging-server.ts';
import { testJob } from '../support/registry-job.ts';

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

  it('may have raw UTF-8 in its address, which is escaped as it was sent', async () => {
    const server = await serve((_request, url) =>
      url.pathname.startsWith('/v2/')
        ? [302, { location: Buffer.from('/café/\u2713 x?q=ü').toString('latin1') }]
        : [200, { 'content-length': '4' }, 'data'],
    );
    const source = await client().blob(testJob(), { host: server.host, repository: 'a' }, `sha256:${'b'.repeat(64)}`);
    for await (const chunk of source.body) expect(Buffer.from(chunk).toString()).toBe('data');
    await client().document(testJob(), { host: server.host, repository: 'a' }, `sha256:${'b'.repeat(64)}`, 9);
    const escaped = '/caf%C3%A9/%E2%9C%93%20x?q=%C3%BC';
    expect(server.log.map(({ url }) => url).filter((url) => !url.startsWith('/v2/'))).toEqual([escaped, escaped]);
  });

  it('to a server that is down is told with that server', async () => {
    const server = await serve(() => [307, { location: 'http://127.0.0.1:1/cdn' }]);
    const asked = client({ retry: 0 }).blob(
      testJob(),
      { host: server.host, repository: 'a' },
      `sha256:${'b'.repeat(64)}`,
    );
    await expect(asked).rejects.toThrow('it redirects to 127.0.0.1:1: connection refused');
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
