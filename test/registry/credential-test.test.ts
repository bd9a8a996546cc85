/** Trying a credential, as `ctxsrc auth --test` does. */
import { describe, expect, it } from 'vitest';
import { testCredentials } from '../../src/registry/credential-test.ts';
import { networkOptions, testJob } from '../support/registry-job.ts';
import { basic, basicHeader, bearer, json, type Served, serve } from './auth/challenging-server.ts';

describe('testCredentials', () => {
  it('says whether the credential was taken, or none was wanted', async () => {
    const open = await serve(() => [200, {}, '{}']);
    const network = networkOptions();
    expect(
      await testCredentials(
        testJob(() => basic),
        { network, registry: open.host, env: {} },
      ),
    ).toMatchObject({ outcome: 'anonymous' });
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
    ).toMatchObject({ outcome: 'accepted' });
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
    ).toMatchObject({ outcome: 'accepted' });
    expect(server.log[1]?.url).not.toContain('scope');
  });

  it('tells a registry that gives a token to anybody from one that asks for nothing', async () => {
    const server: Served = await serve((request, url) => {
      if (url.pathname === '/token') return json({ token: 'for-anybody' });
      return bearer(
        () => `http://${server.host}/token`,
        (token) => token === 'for-anybody',
      )(request, url, '');
    });
    const network = networkOptions();
    const job = testJob();
    expect(await testCredentials(job, { network, registry: server.host, env: {} })).toMatchObject({
      outcome: 'anonymous-token',
    });
    expect(job.lookups).toEqual([server.host]);
    expect(server.log.map((entry) => entry.authorization)).toEqual([undefined, undefined, 'Bearer for-anybody']);
  });
});
