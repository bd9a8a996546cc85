import { once, setMaxListeners } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { NetworkOptions } from '../../src/contract/source.ts';
import { errorCode } from '../../src/http/failures.ts';
import { header, headerValues } from '../../src/http/headers.ts';
import { createTransport } from '../../src/http/transport/choose.ts';
import type { Transport, TransportRequest } from '../../src/http/transport/transport.ts';
import { networkOptions } from '../support/registry-job.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

interface Peer {
  readonly url: URL;
  readonly connections: Socket[];
  /** Heads of the requests, in order. */
  readonly requests: string[];
}

/** A server of bytes: `answer` is called with each request's text, its body included. */
async function serve(answer: (socket: Socket, request: string, nth: number) => void): Promise<Peer> {
  const connections: Socket[] = [];
  const requests: string[] = [];
  const server: Server = createServer((socket) => {
    connections.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      requests.push(bytes.toString('latin1'));
      answer(socket, requests.at(-1)!, requests.length);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => {
    for (const socket of connections) socket.destroy();
    server.close();
  });
  return { url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/a?b`), connections, requests };
}

function transport(options: Partial<NetworkOptions> = {}): Transport {
  const made = createTransport(networkOptions(options), {});
  closing.push(() => made.close());
  return made;
}

/** What a request that fails fails with, by the names of `connectionError`. */
async function failureOf(response: Promise<unknown>): Promise<string> {
  return response.then(() => 'none', errorCode);
}

async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  let text = '';
  for await (const piece of body) text += Buffer.from(piece).toString('latin1');
  return text;
}

async function closed(socket: Socket): Promise<void> {
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
}

const ok = (body: string): string => `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`;

describe.each([
  ['streamed', true],
  ['read at once', false],
])('an answer that is %s', (_how, stream) => {
  function get(url: URL, more: Partial<TransportRequest> = {}): TransportRequest {
    return { method: 'GET', url, headers: {}, signal: new AbortController().signal, stream, identify: false, ...more };
  }

  describe('a connection', () => {
    it('is used again when an answer has been read, or a short one been left unread', async () => {
      const peer = await serve((socket, _request, nth) => socket.write(ok(`answer ${nth}`)));
      const client = transport();
      expect(await textOf((await client.send(get(peer.url))).body)).toBe('answer 1');
      (await client.send(get(peer.url))).discard();
      await sleep(20);
      expect(await textOf((await client.send(get(peer.url))).body)).toBe('answer 3');
      expect(peer.connections).toHaveLength(1);
    });

    it.each([
      ['says so', `HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 1\r\n\r\nx`],
      ['sent more than was asked for', `${ok('x')}${ok('y')}`],
    ])('is not, when the server %s', async (_name, answer) => {
      const peer = await serve((socket) => socket.write(answer));
      const client = transport();
      for (let i = 0; i < 3; i += 1) expect(await textOf((await client.send(get(peer.url))).body)).toBe('x');
      expect(peer.connections).toHaveLength(3);
    });

    it('is closed when a long answer is left, by its reader or unread', async () => {
      const peer = await serve((socket) => socket.write(ok('x'.repeat(3_000_000))));
      const client = transport();
      for await (const _piece of (await client.send(get(peer.url))).body) break;
      await closed(peer.connections[0]!);
      (await client.send(get(peer.url))).discard();
      await closed(peer.connections[1]!);
    });

    it('that the server closed in the meantime is replaced by a new one', async () => {
      const peer = await serve((socket, _request, nth) => {
        // The second request comes over the first connection, just as that is closed.
        if (nth === 2) socket.destroy();
        else socket.write(ok(`answer ${nth}`));
      });
      const client = transport();
      expect(await textOf((await client.send(get(peer.url))).body)).toBe('answer 1');
      expect(await textOf((await client.send(get(peer.url))).body)).toBe('answer 3');
      expect(peer.connections).toHaveLength(2);
    });

    it('is not made anew for a request that meets the end of them all', async () => {
      const peer = await serve((socket, _request, nth) => nth === 1 && socket.write(ok('x')));
      const client = transport();
      await textOf((await client.send(get(peer.url))).body);
      await sleep(20);
      const failure = failureOf(client.send(get(peer.url)));
      await sleep(50);
      expect(peer.requests).toHaveLength(2);
      await client.close();
      expect(await failure).not.toBe('none');
      expect(peer.connections).toHaveLength(1);
    });

    it('that is new and closed without an answer is a failure', async () => {
      const peer = await serve((socket) => socket.end());
      expect(await failureOf(transport().send(get(peer.url)))).toBe('UND_ERR_SOCKET');
      expect(peer.connections).toHaveLength(1);
    });

    it('keeps no process alive once nothing is asked for', async () => {
      const peer = await serve((socket) => socket.write(ok('x')));
      await textOf((await transport().send(get(peer.url))).body);
      await sleep(50);
      expect(process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length).toBeLessThanOrEqual(1);
    });
  });

  it('has so many connections to a server at most, and requests wait for one', async () => {
    const answers: (() => void)[] = [];
    const peer = await serve((socket) => answers.push(() => socket.write(ok('x'))));
    const client = transport({ parallel: 1 });
    const all = Array.from({ length: 8 }, async () => textOf((await client.send(get(peer.url))).body));
    for (let answered = 0; answered < 8; ) {
      await sleep(20);
      expect(answers.length).toBeLessThanOrEqual(5);
      answered += answers.length;
      for (const answer of answers.splice(0)) answer();
    }
    await Promise.all(all);
    expect(peer.connections.length).toBeLessThanOrEqual(5);
  });

  describe('a body', () => {
    const long = Buffer.alloc(5_000_000, 'some text, ');

    it.each([
      ['a length', `HTTP/1.1 200 OK\r\ncontent-length: ${long.length}\r\n\r\n`, (): Buffer => long],
      ['chunks', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n', (): Buffer => chunked(long)],
      ['the end of the connection', 'HTTP/1.1 200 OK\r\n\r\n', (): Buffer => long],
    ])('with %s comes whole, to a slow reader too, in memory that is used again', async (name, head, body) => {
      const peer = await serve((socket) => {
        socket.write(head);
        socket.write(body());
        if (name.startsWith('the end')) socket.end();
      });
      const memory = new Set<ArrayBufferLike>();
      const pieces: Buffer[] = [];
      for await (const piece of (await transport().send(get(peer.url))).body) {
        await sleep(1);
        memory.add(piece.buffer);
        pieces.push(Buffer.from(piece));
      }
      expect(Buffer.concat(pieces).equals(long)).toBe(true);
      if (stream) expect(memory.size).toBeLessThanOrEqual(4);
    });

    it.runIf(stream)('that comes slowly is handed over as it comes', async () => {
      const peer = await serve((socket) => {
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\na');
        setTimeout(() => socket.write('b'), 1000);
      });
      const started = performance.now();
      const body = (await transport().send(get(peer.url))).body[Symbol.asyncIterator]();
      expect(Buffer.from((await body.next()).value as Uint8Array).toString()).toBe('a');
      expect(performance.now() - started).toBeLessThan(900);
      expect(Buffer.from((await body.next()).value as Uint8Array).toString()).toBe('b');
      expect((await body.next()).done).toBe(true);
    });

    it.each([
      ['cut off', (socket: Socket): unknown => socket.end(), 'UND_ERR_SOCKET'],
      ['stalled', (): unknown => undefined, 'UND_ERR_BODY_TIMEOUT'],
    ])('that is %s is a failure, after what came of a streamed one', async (_name, then, code) => {
      const peer = await serve((socket) => {
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf');
        then(socket);
      });
      const { body } = await transport({ stallTimeout: 300 }).send(get(peer.url));
      let text = '';
      const reading = (async () => {
        for await (const piece of body) text += Buffer.from(piece).toString();
      })();
      expect(await failureOf(reading)).toBe(code);
      expect(text).toBe(stream ? 'half' : '');
    });

    it('that drips is stalled', async () => {
      const peer = await serve((socket) => {
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 90000\r\n\r\n');
        const timer = setInterval(() => socket.write('x'), 20);
        socket.on('close', () => clearInterval(timer)).on('error', () => undefined);
      });
      const { body } = await transport({ stallTimeout: 300 }).send(get(peer.url));
      const reading = (async () => {
        for await (const _piece of body);
      })();
      expect(await failureOf(reading)).toBe('UND_ERR_BODY_TIMEOUT');
    });

    it('does not stall while its reader is slow', async () => {
      const peer = await serve((socket) => socket.write(ok('x'.repeat(2_000_000))));
      let length = 0;
      for await (const piece of (await transport({ stallTimeout: 200 }).send(get(peer.url))).body) {
        if (length === 0) await sleep(500);
        length += piece.length;
      }
      expect(length).toBe(2_000_000);
    });

    it('ends with the reason of an abort, before what is left of it', async () => {
      const peer = await serve((socket) =>
        socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 9000000\r\n\r\n${'x'.repeat(1_000_000)}`),
      );
      const stop = new AbortController();
      const reason = new Error('enough');
      const { body } = await transport().send(get(peer.url, { signal: stop.signal }));
      const reading = (async () => {
        for await (const _piece of body) stop.abort(reason);
      })();
      await expect(reading).rejects.toBe(reason);
      await closed(peer.connections[0]!);
    });
  });

  describe('a request', () => {
    it('is what was asked for', async () => {
      const peer = await serve((socket) => socket.write(ok('')));
      const client = transport();
      await client.send(get(peer.url, { headers: { accept: 'x/y', range: 'bytes=1-' } }));
      await client.send(get(peer.url, { method: 'POST', body: 'grant=ä' }));
      const lines = peer.requests.map((request) => {
        const [head, body] = request.split('\r\n\r\n');
        return [
          ...head!
            .split('\r\n')
            .map((line) => line.replace(/^Connection/, 'connection'))
            .sort(),
          body,
        ];
      });
      const always = ['connection: keep-alive', `host: ${peer.url.host}`];
      expect(lines).toEqual([
        ['GET /a?b HTTP/1.1', 'accept: x/y', ...always, 'range: bytes=1-', ''],
        [
          'POST /a?b HTTP/1.1',
          'connection: keep-alive',
          'content-length: 8',
          `host: ${peer.url.host}`,
          Buffer.from('grant=ä').toString('latin1'),
        ],
      ]);
    });

    it.each([
      { 'x-a': 'b\r\nx-c: d' },
      { 'x-a': 'b\0' },
      { 'x-a': 'ab\u{2028}' },
      { 'x a': 'b' },
      { 'x-a: b\r\nx-c': 'd' },
    ])('whose header would be more than one line is not sent: %j', async (headers: Record<string, string>) => {
      const peer = await serve((socket) => socket.write(ok('')));
      const code = await failureOf(transport().send(get(peer.url, { headers })));
      expect(['UND_ERR_INVALID_ARG', 'ERR_INVALID_CHAR', 'ERR_INVALID_HTTP_TOKEN']).toContain(code);
      expect(peer.requests).toEqual([]);
    });

    it('without an answer in time fails, as does one that is aborted', async () => {
      const peer = await serve(() => undefined);
      const client = transport({ stallTimeout: 200 });
      expect(await failureOf(client.send(get(peer.url)))).toBe('UND_ERR_HEADERS_TIMEOUT');
      const signal = AbortSignal.timeout(50);
      await expect(client.send(get(peer.url, { signal }))).rejects.toMatchObject({ name: 'TimeoutError' });
      for (const connection of peer.connections) await closed(connection);
    });
  });

  describe('headers', () => {
    it('come with all their values, whatever they are called', async () => {
      const more = '__proto__: x\r\nWWW-Authenticate: a\r\nwww-authenticate: b, c\r\netag: 1\r\netag: 2\r\n';
      const peer = await serve((socket) => socket.write(`HTTP/1.1 200 OK\r\n${more}content-length: 0\r\n\r\n`));
      const { headers } = await transport().send(get(peer.url));
      expect(headerValues(headers, 'www-authenticate')).toEqual(['a', 'b, c']);
      expect(header(headers, 'etag')).toBe('1, 2');
      expect(header(headers, 'content-length')).toBe('0');
    });

    it.each([
      ['without end', `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(100_000)}`, 'UND_ERR_HEADERS_OVERFLOW'],
      ['that are none', 'HTTP/1.1 200 OK\r\n:\r\n\r\n', 'CTXSRC_NOT_HTTP'],
      ['of another protocol', 'SSH-2.0-OpenSSH_9.2\r\n', 'CTXSRC_NOT_HTTP'],
    ])('%s are refused', async (_name, answer, code) => {
      const peer = await serve((socket) => socket.write(answer));
      expect(await failureOf(transport({ stallTimeout: 2000 }).send(get(peer.url)))).toBe(code);
      await closed(peer.connections[0]!);
    });

    it('that go over to another protocol are no answer', async () => {
      const upgrade = 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: other\r\n\r\n';
      const peer = await serve((socket) => socket.write(upgrade));
      expect(await failureOf(transport({ stallTimeout: 2000 }).send(get(peer.url)))).toBe('UND_ERR_SOCKET');
      await closed(peer.connections[0]!);
    });

    it('of an early answer are passed over', async () => {
      const peer = await serve((socket) => socket.write(`HTTP/1.1 103 Early Hints\r\nx: y\r\n\r\n${ok('x')}`));
      const { status, body } = await transport().send(get(peer.url));
      expect(status).toBe(200);
      expect(await textOf(body)).toBe('x');
    });
  });

  it.skipIf(stream)('to HEAD has no body, whatever its length', async () => {
    const peer = await serve((socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 9000000\r\n\r\n'));
    const client = transport();
    for (let i = 0; i < 2; i += 1) {
      const answer = await client.send(get(peer.url, { method: 'HEAD' }));
      expect(header(answer.headers, 'content-length')).toBe('9000000');
      answer.discard();
      await sleep(20);
    }
    expect(peer.connections).toHaveLength(1);
  });

  it('fails at once when its job is aborted, on the way and while it waits for a connection', async () => {
    const peer = await serve(() => undefined);
    const client = transport({ parallel: 1 });
    const stop = new AbortController();
    setMaxListeners(0, stop.signal);
    const sent = Array.from({ length: 8 }, () => failureOf(client.send(get(peer.url, { signal: stop.signal }))));
    await sleep(50);
    const started = performance.now();
    stop.abort(Object.assign(new Error('enough'), { code: 'ENOUGH' }));
    expect(new Set(await Promise.all(sent))).toEqual(new Set(['ENOUGH']));
    expect(performance.now() - started).toBeLessThan(1000);
    for (const connection of peer.connections) await closed(connection);
  });

  it('fails when nobody listens, as often as it is asked for', async () => {
    const peer = await serve(() => undefined);
    const closed = new URL(peer.url);
    closed.port = '1';
    const client = transport({ parallel: 1 });
    for (let i = 0; i < 12; i += 1) expect(await failureOf(client.send(get(closed)))).toBe('ECONNREFUSED');
  });
});

it('that is read at once holds no place while its reader waits for something else', async () => {
  const peer = await serve((socket) => socket.write(ok('x'.repeat(10_000))));
  const client = transport({ parallel: 1 });
  const request = { method: 'GET', url: peer.url, headers: {}, identify: false, stream: false } as const;
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => client.send({ ...request, signal: new AbortController().signal })),
  );
  expect(peer.connections.length).toBeLessThanOrEqual(5);
  for (const { body } of answers) expect(await textOf(body)).toHaveLength(10_000);
});

function chunked(bytes: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0, size = 1; at < bytes.length; at += size, size = (size * 7 + 1) % 700_001) {
    const piece = bytes.subarray(at, at + size);
    parts.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n'));
  }
  return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')]);
}
