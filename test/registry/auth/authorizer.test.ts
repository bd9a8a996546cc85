/** Who is shown a credential, and what is said of one that is refused. */
import { describe, expect, it } from 'vitest';
import { CtxsrcError } from '../../../src/core/errors.ts';
import { testJob } from '../../support/registry-job.ts';
import {
  basic,
  basicHeader,
  bearer,
  client,
  json,
  MANIFEST,
  PASSWORD,
  type Served,
  serve,
} from './challenging-server.ts';

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
    const refused = testJob(lookup);
    const failing = client().resolve(refused, { host: server.host, repository: 'a' }, 'v1');
    await expect(failing).rejects.toMatchObject({
      code: 'E_CREDENTIALS',
      exit: 4,
      message: expect.stringMatching(/refused .*\/a:v1: not authenticated; the helper is not there$/),
      hint: 'install it',
    });
    // The error says it all: no note before it says the same.
    expect(refused.events.filter((event) => event.type === 'message' && event.level === 'note')).toEqual([]);
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
