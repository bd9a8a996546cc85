/** A blob that was damaged in the cache is never written out under its key. */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { SourceInstance, Store } from '../../src/contract/index.ts';
import type { Digest } from '../../src/core/digest.ts';
import { source as blobs } from '../../src/source/blob/source.ts';
import { source as http } from '../../src/source/http/source.ts';
import { parseReference } from '../../src/source/parse.ts';
import { StoredBody } from '../../src/source/stored-body.ts';
import { failureCode } from '../support/failure-code.ts';
import { digestOf, LayoutBuilder } from '../support/layout-builder.ts';
import { newEnv, newJob, newStore, writeSnapshot } from '../support/source-env.ts';
import { tar } from '../support/tar-builder.ts';
import { tempDir } from '../support/temp.ts';
import { openHttp } from './http/http-source.ts';

const content = tar([{ name: 'a', content: 'hello' }]);
let server: Server;
let origin: string;
let layout: string;

beforeAll(async () => {
  server = createServer((_request, response) => response.writeHead(200, { etag: '"1"' }).end(content));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const builder = new LayoutBuilder();
  builder.blob(content, 'text/plain');
  layout = builder.write(join(tempDir('layout'), 'image'));
});
afterAll(() => server.close());

/** The last byte of the first file, where neither a tar reader nor a size tells. */
function damage(store: Store, digest: Digest): void {
  const path = store.blobs.path(digest);
  const bytes = readFileSync(path);
  bytes[bytes.indexOf('hello')] = 'J'.charCodeAt(0);
  writeFileSync(path, bytes);
}

const openers: readonly [string, string, (store: Store) => Promise<SourceInstance>][] = [
  ['a file of http', 'f', (store) => openHttp(`${origin}/f`, {}, store)],
  ['an archive of http', 'a', (store) => openHttp(`${origin}/f`, { unpack: true }, store)],
  [
    'a blob',
    'f',
    async (store) => {
      const ref = parseReference(`oci-layout+blob://${layout}@${digestOf(content)}`);
      return blobs.resolve(blobs.identify(ref, { filename: 'f' }), newEnv(store));
    },
  ],
];

it.each(openers)('%s: it is fetched again in the same run', async (_, name, open) => {
  const store = await newStore();
  const first = await writeSnapshot(await open(store));
  damage(store, digestOf(content));
  const again = await writeSnapshot(await open(store));
  expect(readFileSync(join(again.dir, name))).toEqual(readFileSync(join(first.dir, name)));
});

it.each([
  ...openers.slice(1),
  ['a file of http by its digest', 'f', (store) => openHttp(`${origin}/f`, { checksum: digestOf(content) }, store)],
] satisfies typeof openers)('%s that was cut short in the cache is pulled whole', async (_, __, open) => {
  const store = await newStore();
  const path = store.blobs.path(digestOf(content));
  await (await open(store)).pull!(newJob());
  const cutShort = (): void => writeFileSync(path, content.subarray(0, content.length / 2));
  cutShort();
  await (await open(store)).pull!(newJob());
  expect(readFileSync(path)).toEqual(content);
  cutShort();
  const known = http.identify(parseReference(`${origin}/f`), { checksum: digestOf(content) });
  const offline = http.resolve(known, newEnv(store, { offline: true }));
  expect(await failureCode(offline.pull!(newJob()))).toBe('E_OFFLINE');
});

it('is checked as a whole, however much of it was read', async () => {
  const store = await newStore();
  const sha512: Digest = `sha512:${createHash('sha512').update(content).digest('hex')}`;
  const { signal } = newJob();
  for (const digest of [digestOf(content), sha512]) {
    await store.blobs.put(digest, content);
    const body = new StoredBody(store, digest);
    for await (const _ of body.read(signal)) break;
    await body.check(signal);
    damage(store, digest);
    expect(await failureCode(new StoredBody(store, digest).check(signal))).toBe('E_STORE_CORRUPT');
    expect(await store.blobs.size(digest)).toBe(undefined);
  }
});
