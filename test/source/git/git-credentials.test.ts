/** Who is shown a token or header of a git source. */
import { writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { source } from '../../../src/source/git/source.ts';
import { failureText } from '../../support/failure-code.ts';
import { serveGit } from '../../support/git-http.ts';
import { needs } from '../../support/needs.ts';
import { newJob, writeSnapshot } from '../../support/source-env.ts';
import { tempDir } from '../../support/temp.ts';
import { openGit, paths, ServedRepositories } from './served-repositories.ts';

describe.skipIf(!needs('git'))('credentials of a git source', () => {
  let served: ServedRepositories;

  beforeAll(async () => {
    served = await ServedRepositories.start();
  });
  afterAll(() => served.close());

  const wanted = `Basic ${Buffer.from('x-access-token:s3cret-token').toString('base64')}`;
  const guard = (request: IncomingMessage, response: ServerResponse): boolean => {
    if (request.headers.authorization === wanted || request.headers.authorization === 'Bearer abc') return false;
    response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
    return true;
  };
  function tokenFile(text = 's3cret-token\n'): string {
    const file = join(tempDir('token'), 'token');
    writeFileSync(file, text);
    return file;
  }

  it('sends a token or header where it is asked for, and names what is missing', async () => {
    const { url } = served.repository({ f: 'x' });
    const host = new URL(url).host;
    served.intercept = guard;
    try {
      expect(await failureText((await openGit(url)).cacheKey(newJob(), 0))).toMatch(/^E_UNAUTHORIZED/);
      const wrong = await failureText(
        (await openGit(url, { 'auth-token-file': tokenFile('wrong-one') })).cacheKey(newJob(), 0),
      );
      expect(wrong).toMatch(/^E_UNAUTHORIZED/);
      expect(wrong).not.toContain('wrong-one');
      expect(
        await failureText((await openGit(url, { 'auth-token-file': tokenFile('') })).cacheKey(newJob(), 0)),
      ).toMatch(/^E_CREDENTIALS/);
      expect(paths((await writeSnapshot(await openGit(url, { 'auth-token-file': tokenFile() }))).dir)).toEqual(['f']);
      for (const secrets of [
        { GIT_AUTH_TOKEN: 's3cret-token' },
        { GIT_AUTH_TOKEN: 'no', [`GIT_AUTH_TOKEN.${host}`]: 's3cret-token' },
        { GIT_AUTH_HEADER: 'Bearer abc' },
      ]) {
        expect((await (await openGit(url)).cacheKey(newJob({ secrets }), 0)).key).toMatch(/^[0-9a-f]{40}$/);
      }
    } finally {
      served.intercept = undefined;
    }
  });

  it('takes them nowhere else', async () => {
    const seen: (string | undefined)[] = [];
    const elsewhere = await serveGit(served.root, {
      intercept: (request, response) => {
        seen.push(request.headers.authorization);
        response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
        return true;
      },
    });
    const { url } = served.repository({ f: 'x' });
    served.intercept = (request, response) => {
      response.writeHead(302, { location: `${elsewhere.origin}${request.url}` }).end();
      return true;
    };
    try {
      const withToken = (await openGit(url, { 'auth-token-file': tokenFile() })).cacheKey(newJob(), 0);
      expect(await failureText(withToken)).toMatch(/^E_UNAUTHORIZED/);
      expect(seen.length).toBeGreaterThan(0);
      const withHeader = (await openGit(url)).cacheKey(newJob({ secrets: { GIT_AUTH_HEADER: 'Bearer abc' } }), 0);
      expect(await failureText(withHeader)).toMatch(/^E_/);
      expect(seen.filter((value) => value !== undefined)).toEqual([]);
    } finally {
      served.intercept = undefined;
      await elsewhere.close();
    }
  });

  it('holds no password in a reference, and prints none', () => {
    expect(() => source.identify({ scheme: 'git', rest: 'https://u:p4ss@h/x.git', text: '' }, {})).toThrow(
      /no password/,
    );
  });
});
