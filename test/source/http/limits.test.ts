/** What a server may not do with an http source: fill the disk, or never end. */
import { readdirSync, statSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createRawServer } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Store } from '../../../src/contract/index.ts';
import { source } from '../../../src/source/http/source.ts';
import { digestOf } from '../../support/layout-builder.ts';
import { newEnv, newJob, newStore, writeSnapshot } from '../../support/source-env.ts';

const MAX = 100_000;
let respond: (response: ServerResponse) => void;
const server = createServer((_request, response) => {
  response.on('error', () => undefined);
  respond(response);
});
let origin: string;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

function open(store: Store, checksum?: string) {
  const rest = `${origin.slice('http://'.length)}/f`;
  const id = source.identify({ scheme: 'http', rest, text: '' }, checksum === undefined ? {} : { checksum });
  return source.resolve(id, newEnv(store, { limits: { maxBytes: MAX } }));
}

/** Bytes of what lies in the store where bodies are received. */
function received(store: Store): number {
  let bytes = 0;
  for (const entry of readdirSync(store.root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    // A workspace keeps what it is for.
    if (entry.isFile() && !['key', 'name'].includes(entry.name) && /workspaces|ingest|blobs/.test(path))
      bytes += statSync(path).size;
  }
  return bytes;
}

it('a body that is larger than --max-bytes is not received, and nothing of it is kept', async () => {
  let sent = 0;
  /** As much as is taken. */
  function pour(response: ServerResponse): void {
    const piece = Buffer.alloc(1 << 16, 'x');
    const more = (): void => {
      while (!response.destroyed && sent < 1 << 30) {
        sent += piece.length;
        if (!response.write(piece)) break;
      }
    };
    response.on('drain', more);
    more();
  }
  const cases: [string, (response: ServerResponse) => void, most: number][] = [
    ['that says so', (response) => pour(response.writeHead(200, { 'content-length': 5 << 30, etag: '"a"' })), 8 << 20],
    ['that does not', (response) => pour(response.writeHead(200, { etag: '"b"' })), 32 << 20],
    [
      'that is compressed on the way',
      (response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(MAX + 1))),
      1,
    ],
  ];
  for (const [what, handler, most] of cases) {
    respond = handler;
    for (const checksum of [undefined, digestOf('other')]) {
      if (checksum !== undefined && what === 'that is compressed on the way') continue;
      sent = 0;
      const store = await newStore();
      const failing = open(store, checksum).pull!(newJob());
      await expect(failing, what).rejects.toMatchObject({
        code: 'E_LIMIT',
        exit: 8,
        message: expect.stringContaining(`has more than ${MAX} bytes`),
        hint: 'allow more with --max-bytes',
      });
      expect(sent, what).toBeLessThanOrEqual(most);
      expect(received(store), what).toBe(0);
    }
  }
});

it('nor one that never becomes anything: members of gzip that are empty', async () => {
  const members = Buffer.concat(Array.from({ length: 1000 }, () => gzipSync('')));
  respond = (response) => {
    response.writeHead(200, { 'content-encoding': 'gzip' });
    const more = (): void => {
      while (!response.destroyed && response.write(members));
    };
    response.on('drain', more);
    more();
  };
  await expect(open(await newStore()).cacheKey(newJob(), 0)).rejects.toMatchObject({ code: 'E_LIMIT' });
});

it.each([
  ['a body', (response: ServerResponse, body: Buffer) => response.end(body)],
  [
    'one that is compressed on the way',
    (response: ServerResponse, body: Buffer) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(body)),
  ],
])('%s of exactly that size is received', async (_, send) => {
  const body = Buffer.alloc(MAX, 'y');
  respond = (response) => send(response, body);
  const store = await newStore();
  expect((await open(store).cacheKey(newJob(), 0)).pin).toBe(digestOf(body));
  expect((await writeSnapshot(open(store))).report.bytes).toBe(MAX);
});

it.each([
  ['headers without end', 'E_LIMIT', 'HTTP/1.1 200 OK\r\n', () => `x-${Math.random()}: ${'y'.repeat(1000)}\r\n`],
  ['one header without end', 'E_LIMIT', 'HTTP/1.1 200 OK\r\nx: ', () => 'y'.repeat(1000)],
  ['informational answers without end', 'E_STALLED', '', () => 'HTTP/1.1 102 Processing\r\n\r\n'],
  ['a head that drips', 'E_STALLED', 'HTTP/1.1 200 OK\r\nx: ', () => 'y'],
])('%s end', async (_what, code, start, more) => {
  const raw = createRawServer((socket) => {
    socket.on('error', () => undefined).write(start);
    const timer = setInterval(() => socket.write(more()), 5);
    socket.on('close', () => clearInterval(timer));
  });
  await new Promise<void>((resolve) => raw.listen(0, '127.0.0.1', resolve));
  const rest = `127.0.0.1:${(raw.address() as AddressInfo).port}/f`;
  const id = source.identify({ scheme: 'http', rest, text: '' }, {});
  const instance = source.resolve(id, newEnv(await newStore(), { network: { stallTimeout: 1500 } }));
  await expect(instance.cacheKey(newJob(), 0)).rejects.toMatchObject({ code });
  raw.close();
});
