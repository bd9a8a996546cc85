/** The http source against a real server. */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failureCode } from '../../support/failure-code.ts';
import { digestOf } from '../../support/layout-builder.ts';
import { needs, which } from '../../support/needs.ts';
import { newJob, newStore } from '../../support/source-env.ts';
import { tempDir } from '../../support/temp.ts';
import { openHttp } from './http-source.ts';

describe.skipIf(!needs('nginx'))('http source and nginx', () => {
  let root: string;
  let port: number;
  let stop: () => Promise<void>;

  beforeAll(async () => {
    root = tempDir('nginx');
    mkdirSync(join(root, 'www'));
    port = await freePort();
    writeFileSync(
      join(root, 'nginx.conf'),
      `daemon off; master_process off; worker_processes 1; pid ${root}/pid; error_log ${root}/error.log;
       events { worker_connections 64; }
       http { access_log ${root}/access.log; client_body_temp_path ${root}/t1; proxy_temp_path ${root}/t2; fastcgi_temp_path ${root}/t3;
         uwsgi_temp_path ${root}/t4; scgi_temp_path ${root}/t5; gzip on; gzip_types text/plain; gzip_min_length 1; default_type text/plain;
         server { listen 127.0.0.1:${port}; root ${root}/www; location /old { return 301 /f.txt; } } }`,
    );
    const child = spawn(
      which('nginx') as string,
      ['-p', root, '-c', join(root, 'nginx.conf'), '-e', join(root, 'error.log')],
      { stdio: 'ignore' },
    );
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    stop = async () => {
      child.kill('SIGKILL');
      await ended;
    };
    for (let tries = 0; tries < 100 && !(await answers(port)); tries += 1)
      await new Promise((resolve) => setTimeout(resolve, 50));
  });
  afterAll(() => stop());

  it('reads, reuses, follows and finds nothing', async () => {
    writeFileSync(join(root, 'www', 'f.txt'), 'from nginx\n');
    const url = `http://127.0.0.1:${port}`;
    const store = await newStore();
    const first = await (await openHttp(`${url}/f.txt`, {}, store)).cacheKey(newJob(), 0);
    expect(first.pin).toBe(digestOf('from nginx\n'));
    expect(first.preimage).toMatch(/"LastModTime":"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT"/);
    expect((await (await openHttp(`${url}/f.txt`, {}, store)).cacheKey(newJob(), 0)).key).toBe(first.key);
    expect((await (await openHttp(`${url}/old`, { filename: 'f.txt' }, store)).cacheKey(newJob(), 0)).key).toBe(
      first.key,
    );
    expect(await failureCode((await openHttp(`${url}/none`, {}, store)).cacheKey(newJob(), 0))).toBe('E_NOT_FOUND');
    const log = readFileSync(join(root, 'access.log'), 'utf8')
      .trim()
      .split('\n')
      .filter((line) => line.includes('/f.txt'));
    expect(log.map((line) => / (\d{3}) /.exec(line)?.[1])).toEqual(['200', '304', '200']);
    writeFileSync(join(root, 'www', 'f.txt'), 'other bytes\n');
    expect((await (await openHttp(`${url}/f.txt`, {}, store)).cacheKey(newJob(), 0)).pin).toBe(
      digestOf('other bytes\n'),
    );
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function answers(port: number): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}/`).then(
    () => true,
    () => false,
  );
}
