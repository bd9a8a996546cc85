import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ProgressEvent } from '../../../src/core/progress.ts';
import { source } from '../../../src/source/http/source.ts';
import { ctxsrc } from '../../support/cli.ts';
import { failureText } from '../../support/failure-code.ts';
import { newEnv, newJob, newStore } from '../../support/source-env.ts';

const PAGE = 'http://github.com/o/r/tree/v1/d';

describe('a page of a forge', () => {
  let server: Server;

  beforeAll(async () => {
    server = createServer((_, response) => response.end('<html>'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => server.close());

  async function open(checksum?: string) {
    const id = source.identify({ scheme: 'http', rest: PAGE.slice(7), text: PAGE }, { ...(checksum && { checksum }) });
    return source.resolve(id, newEnv(await newStore()));
  }

  it('is taken as a file, as builders do, with a warning; --strict refuses', async () => {
    const proxy = process.env.HTTP_PROXY;
    process.env.HTTP_PROXY = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      const events: ProgressEvent[] = [];
      const job = newJob({ progress: { emit: (event) => void events.push(event) } });
      expect((await (await open()).cacheKey(job, 0)).key).toMatch(/^sha256:/);
      expect(events.filter((event) => event.type === 'message')).toEqual([
        {
          type: 'message',
          level: 'warning',
          text: `${PAGE} is a page of github.com: the page itself is taken, not what it shows`,
          hint: "for the repository type 'https://github.com/o/r.git#v1:d'; for the page give its --checksum",
        },
      ]);
      expect(await failureText((await open()).cacheKey({ ...newJob(), strict: true }, 0))).toMatch(/^E_DOUBTFUL/);
      const known = await open(`sha256:${'a'.repeat(64)}`);
      expect((await known.cacheKey({ ...newJob(), strict: true }, 0)).key).toMatch(/^sha256:/);
    } finally {
      if (proxy === undefined) delete process.env.HTTP_PROXY;
      else process.env.HTTP_PROXY = proxy;
    }
  });

  it('is told by parse, too', async () => {
    const [plain, strict] = await Promise.all([ctxsrc(['parse', PAGE]), ctxsrc(['parse', '--strict', PAGE])]);
    expect([plain.code, plain.stdout]).toEqual([0, `${PAGE}\n`]);
    expect(plain.stderr).toContain('https://github.com/o/r.git#v1:d');
    expect([strict.code, strict.stdout]).toEqual([8, '']);
  });
});
