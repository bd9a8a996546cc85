/** http sources by the command line: nothing secret that was typed is kept or shown, and the flags reach the source. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { cliHome, ctxsrc } from '../support/cli.ts';
import { tempDir } from '../support/temp.ts';

const SECRET = 'planted-c0ffee';
const basic = `Basic ${Buffer.from(`me:${SECRET}`).toString('base64')}`;
let server: Server;
let origin: string;

beforeAll(async () => {
  server = createServer((request, response) => {
    if (request.url?.startsWith('/big') === true) {
      response.writeHead(200, { 'content-length': 1 << 30 }).write('x');
    } else if (request.url?.startsWith('/closed') === true && request.headers.authorization !== basic) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="files"' }).end();
    } else response.end('hello');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

it('keeps and shows nothing of a signed address and of headers', async () => {
  const home = cliHome();
  const cwd = tempDir('work');
  const url = `${origin}/f?version=7&X-Amz-Signature=${SECRET}&sig=${SECRET}`;
  const shown = `${origin}/f?version=7&X-Amz-Signature=***&sig=***`;
  const header = ['--header', `X-Api-Key: ${SECRET}`];
  const runs: [string[], number][] = [
    [['snapshot', url, 'out', '--json', '-vv', ...header], 0],
    [['key', url, '--json', '-vv', '--progress', 'rawjson', ...header], 0],
    [['parse', url, '--json', ...header], 0],
    [['inspect', url, '--json', ...header], 0],
    [['digest', url, '--pinned', ...header], 2],
    [['key', url, '--offline', '--json', ...header], 3],
    [['lock', `a=${url}`, ...header], 2],
    [['key', `http://me:${SECRET}@127.0.0.1/f`, '--json'], 2],
    [['key', `https://${SECRET}@127.0.0.1/f`, '-vv'], 2],
  ];
  const results = await Promise.all(runs.map(([args]) => ctxsrc(args, { home, cwd })));
  for (const [index, { code, stdout, stderr }] of results.entries()) {
    const [args, want] = runs[index]!;
    expect(code, `${args.join(' ')}\n${stderr}`).toBe(want);
    expect(stdout + stderr, args.join(' ')).not.toContain(SECRET);
  }
  expect(JSON.parse(results[0]!.stdout)).toMatchObject({ ref: shown, identifier: shown, url: shown });
  const sidecar = readFileSync(join(cwd, 'out.ctxsrc.json'), 'utf8');
  expect(JSON.parse(sidecar)).toMatchObject({ reference: shown, identifier: shown });
  expect(JSON.parse(results[7]!.stderr)).toMatchObject({ error: { ref: 'http://***@127.0.0.1/f' } });
  for (const dir of [home, cwd]) {
    for (const entry of readdirSync(dir, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      expect(path + readFileSync(path, 'latin1'), path).not.toContain(SECRET);
    }
  }
});

it('takes --netrc, NETRC, --max-bytes and --allow-address', async () => {
  const home = cliHome();
  const netrc = join(home, 'netrc');
  writeFileSync(netrc, `machine 127.0.0.1 login me password ${SECRET}\n`);
  const bad = { env: { CTXSRC_CONFIG: join(home, 'config.json') }, home };
  writeFileSync(bad.env.CTXSRC_CONFIG, JSON.stringify({ netrc, allowAddress: ['10.0.0.0/8'] }));
  const [flag, env, config, none, big, pulled, range] = await Promise.all([
    ctxsrc(['digest', `${origin}/closed`, '--netrc', netrc], { home }),
    ctxsrc(['digest', `${origin}/closed/b`, '-vv'], { home, env: { NETRC: netrc } }),
    ctxsrc(['digest', `${origin}/closed/c`], bad),
    ctxsrc(['key', `${origin}/closed`], { home: cliHome() }),
    ctxsrc(['key', `${origin}/big`, '--max-bytes', '1MB', '--json'], { home }),
    ctxsrc(['pull', `${origin}/big2`, '--max-bytes', '1MB'], { home }),
    ctxsrc(['key', `${origin}/f`, '--allow-address', '10.0.0.0/99'], { home }),
  ]);
  for (const { code, stdout, stderr } of [flag, env, config]) {
    expect(stdout, stderr).toMatch(/^sha256:2cf24dba/);
    expect(stderr).not.toContain(SECRET);
    expect(code).toBe(0);
  }
  expect(none.code).toBe(4);
  expect(none.stderr).toContain('--netrc FILE');
  expect(JSON.parse(big.stderr)).toMatchObject({ error: { code: 'E_LIMIT', exit: 8 } });
  expect(pulled.code, pulled.stderr).toBe(8);
  expect([range.code, range.stderr]).toEqual([2, expect.stringContaining('"10.0.0.0/99" is no range of addresses')]);
});
