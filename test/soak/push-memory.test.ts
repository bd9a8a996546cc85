/** A layer over 4 GiB goes to a registry in one request with its length, in memory that does not grow with it. */
import { truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ctxsrc } from '../support/cli.ts';
import { LayoutBuilder } from '../support/layout-builder.ts';
import { tempDir } from '../support/temp.ts';

const SIZE = 2 ** 32 + 1;
/** Of so many zeros. */
const DIGEST = 'sha256:fbb82f7b353676bb562eb82157fcf0ea42c36492ca13ee56dbf82c08b6802c5c';
/** Kibibytes: what docs/push.md promises is some pieces of 1 MiB for each upload, beside Node itself. */
const MOST = 120_000;

test('a layer over 4 GiB, by its length, in little memory', async () => {
  const builder = new LayoutBuilder();
  const descriptor = { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: DIGEST, size: SIZE } as const;
  const layout = builder
    .tag(builder.image({ layers: [{ descriptor, diffId: DIGEST }] }), 'latest')
    .write(tempDir('large'));
  const blob = join(layout, 'blobs', DIGEST.replace(':', '/'));
  writeFileSync(blob, '');
  truncateSync(blob, SIZE);

  const lengths: (string | undefined)[] = [];
  let received = 0;
  const server = createServer((request, response) => {
    const { method, headers, url = '' } = request;
    const upload = method === 'PUT' && url.startsWith('/upload');
    if (upload) lengths.push(headers['content-length']);
    request.on('data', (piece: Buffer) => {
      if (upload) received += piece.length;
    });
    request.on('end', () => {
      const status = method === 'HEAD' || method === 'GET' ? 404 : method === 'POST' ? 202 : 201;
      response.writeHead(status, { 'content-length': 0, location: '/upload?state=1' }).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const say = `process.on('exit', () => console.error('peak', process.resourceUsage().maxRSS))`;
  const { code, stderr } = await ctxsrc(['push', `oci-layout://${layout}`, `docker-image://127.0.0.1:${port}/a:1`], {
    nodeArgs: ['--import', `data:text/javascript,${encodeURIComponent(say)}`],
    timeout: 1_200_000,
  });
  server.close();
  expect(code, stderr).toBe(0);
  expect(lengths).toContain(String(SIZE));
  expect(lengths).toHaveLength(2);
  expect(received).toBeGreaterThan(SIZE);
  const peak = Number(/^peak (\d+)$/m.exec(stderr)?.[1]);
  expect(peak).toBeGreaterThan(0);
  expect(peak).toBeLessThan(MOST);
});
