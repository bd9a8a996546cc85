/** Blobs are not synced: what a power cut leaves of one is found where it is used, and fetched again. */
import { once } from 'node:events';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cliHome, ctxsrc } from '../../support/cli.ts';
import { LayoutBuilder } from '../../support/layout-builder.ts';
import { TestRegistry } from '../../support/registry.ts';
import { tar } from '../../support/tar-builder.ts';
import { tempDir } from '../../support/temp.ts';

const CONTENT = 'content '.repeat(5000);

let registry: TestRegistry;
let ref: string;
let server: Server;
let http: string;
const images = new LayoutBuilder();
const layer = images.layer(tar([{ name: 'file', content: CONTENT }]));
const { digest, size } = layer.descriptor;

beforeAll(async () => {
  registry = await TestRegistry.start();
  registry.push(images, 'app', 'latest', images.image({ layers: [layer] }));
  ref = `docker-image://${registry.host}/app`;
  server = createServer((_, response) => response.end(images.blobs.get(digest)));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  http = `http://127.0.0.1:${(server.address() as AddressInfo).port}/file`;
});

afterAll(async () => {
  server.close();
  await registry.stop();
});

/** A store that has the image, and the path of its layer's blob. */
async function filled(): Promise<{ home: string; blob: string }> {
  const home = cliHome();
  expect(await ctxsrc(['pull', ref], { home })).toMatchObject({ code: 0 });
  return { home, blob: blobIn(home) };
}

const blobIn = (home: string): string => join(home, 'cache/ctxsrc/blobs/sha256', digest.slice('sha256:'.length));

it.each([
  ['nothing', 0, ''],
  ['a part', Math.floor(size / 2), 'was damaged and has been removed'],
])('of which %s is left: it is fetched in the same run', async (_, bytes, said) => {
  const { home, blob } = await filled();
  truncateSync(blob, bytes);
  const out = join(tempDir('out'), 'tree');
  const before = registry.count('GET', /\/blobs\//);
  const { code, stderr } = await ctxsrc(['snapshot', ref, out], { home });
  expect(code, stderr).toBe(0);
  expect(stderr).toContain(said);
  expect(registry.count('GET', /\/blobs\//) - before).toBe(1);
  expect(readFileSync(join(out, 'file'), 'utf8')).toBe(CONTENT);
  expect(readFileSync(blob)).toEqual(images.blobs.get(digest));
});

it('whose bytes are zeros: it is removed, and fetched by the next run', async () => {
  const { home, blob } = await filled();
  writeFileSync(blob, Buffer.alloc(size));
  const out = join(tempDir('out'), 'tree');
  const first = await ctxsrc(['snapshot', ref, out], { home });
  expect(first).toMatchObject({ code: 5, stderr: expect.stringContaining('run the same command again') });
  expect(await ctxsrc(['snapshot', ref, out], { home })).toMatchObject({ code: 0 });
  expect(readFileSync(join(out, 'file'), 'utf8')).toBe(CONTENT);
});

describe.each([
  ['an http source', (): string => http],
  ['a blob source', (): string => `${ref.replace('docker-image:', 'docker-image+blob:')}@${digest}`],
])('of %s', (_, address) => {
  const body = Buffer.from(images.blobs.get(digest)!);
  const checksum = (): string[] => (address() === http ? ['--checksum', digest] : []);

  it.each([0, 100])('of which %i bytes are left: snapshot fetches it in the same run', async (bytes) => {
    const home = cliHome();
    expect(await ctxsrc(['pull', ...checksum(), address()], { home })).toMatchObject({ code: 0 });
    truncateSync(blobIn(home), bytes);
    const out = join(tempDir('out'), 'tree');
    const { code, stderr } = await ctxsrc(['snapshot', ...checksum(), '--filename', 'f', address(), out], { home });
    expect(code, stderr).toBe(0);
    expect(readFileSync(join(out, 'f'))).toEqual(body);
    expect(readFileSync(blobIn(home))).toEqual(body);
  });

  it('of which nothing is left: pull fetches it', async () => {
    const home = cliHome();
    for (const bytes of [0, body.length]) {
      expect(await ctxsrc(['pull', ...checksum(), address()], { home })).toMatchObject({ code: 0 });
      if (bytes === 0) truncateSync(blobIn(home), 0);
    }
    expect(readFileSync(blobIn(home))).toEqual(body);
  });
});
