/**
 * A server between a client and a registry that spoils what passes: cuts, stalls, drips, answers in the registry's
 * place, lies about ranges, changes content. What it does to which request is decided by the test's `plan`.
 */
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

export type Target = 'manifest' | 'token' | 'blob' | 'other';

export type Fault =
  /** The connection is reset before anything is answered. */
  | { readonly kind: 'reset' }
  /** Nothing is ever answered. */
  | { readonly kind: 'silence' }
  /** An answer in the registry's place. */
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly headers?: Record<string, string>;
      readonly body?: string;
    }
  /** Something that is not HTTP. */
  | { readonly kind: 'garbage' }
  /** So many bytes of the body, then the connection is gone. */
  | { readonly kind: 'cut'; readonly at: number }
  /** So many bytes of the body, then nothing more. */
  | { readonly kind: 'stall'; readonly at: number }
  /** The body in pieces of so many bytes, one every few milliseconds. */
  | { readonly kind: 'drip'; readonly size: number; readonly ms: number }
  /** The first byte of the body is another one. */
  | { readonly kind: 'change' }
  /** Other headers (`undefined`: none of that name). Without a length the body is sent in chunks. */
  | { readonly kind: 'headers'; readonly headers: Readonly<Record<string, string | undefined>> }
  /** A longer body than there is. */
  | { readonly kind: 'pad'; readonly bytes: number }
  /** For requests with a Range: `whole` answers 200, `refuse` 416, `shift` says and sends another part, `lie` sends another part than it says. */
  | { readonly kind: 'range'; readonly how: 'whole' | 'refuse' | 'shift' | 'lie' };

export interface Seen {
  readonly target: Target;
  readonly method: string;
  /** Path with query. */
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  /** Bytes of the body that were sent. */
  sent: number;
}

/** What to do to a request; `nth` counts from 0 the requests of that target before it. */
export type Plan = (seen: Seen, nth: number) => Fault | undefined;

export class FaultProxy {
  readonly log: Seen[] = [];
  plan: Plan = () => undefined;
  readonly #upstream: string;
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((request, response) => void this.#handle(request, response));

  private constructor(upstream: string) {
    this.#upstream = upstream;
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      socket.on('error', () => undefined);
    });
  }

  /** @param upstream `host:port` of the registry */
  static async start(upstream: string, plan?: Plan): Promise<FaultProxy> {
    const proxy = new FaultProxy(upstream);
    if (plan !== undefined) proxy.plan = plan;
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  /** `127.0.0.1:PORT` */
  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  seen(target: Target): readonly Seen[] {
    return this.log.filter((entry) => entry.target === target);
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = request.url ?? '';
    const target = targetOf(url);
    const body = await readAll(request);
    const seen: Seen = {
      target,
      method: request.method ?? '',
      url,
      headers: request.headers,
      body: body.toString(),
      sent: 0,
    };
    const nth = this.seen(target).length;
    this.log.push(seen);
    const fault = this.plan(seen, nth);
    switch (fault?.kind) {
      case 'silence':
        return;
      case 'reset':
        request.socket.resetAndDestroy();
        return;
      case 'garbage':
        request.socket.end('garbage that is not HTTP\r\n\r\n');
        return;
      case 'answer':
        response.writeHead(fault.status, { 'content-type': 'application/json', ...fault.headers });
        response.end(request.method === 'HEAD' ? undefined : (fault.body ?? ''));
        return;
      default:
    }
    const forwarded = { ...request.headers };
    if (fault?.kind === 'range') delete forwarded.range;
    const answer = await this.#forward(seen.method, url, forwarded, body);
    await this.#answer(request, response, seen, answer, fault);
  }

  async #answer(
    request: IncomingMessage,
    response: ServerResponse,
    seen: Seen,
    answer: Upstream,
    fault: Fault | undefined,
  ): Promise<void> {
    let { status, body } = answer;
    const headers: Record<string, string | string[] | undefined> = { ...answer.headers };
    delete headers.connection;
    delete headers['keep-alive'];
    const challenge = headers['www-authenticate'];
    if (typeof challenge === 'string') headers['www-authenticate'] = challenge.replaceAll(this.#upstream, this.host);
    if (fault?.kind === 'change' && body.length > 0) {
      body = Buffer.from(body);
      body[0] = (body[0] as number) ^ 1;
    }
    if (fault?.kind === 'pad') {
      body = Buffer.concat([body, Buffer.alloc(fault.bytes, 32)]);
      headers['content-length'] = String(body.length);
    }
    if (fault?.kind === 'headers') {
      for (const [name, value] of Object.entries(fault.headers)) {
        if (value === undefined) delete headers[name];
        else headers[name] = value;
      }
    }
    const range = /^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1];
    if (fault?.kind === 'range' && range !== undefined && status === 200) {
      const first = Number(range);
      const total = body.length;
      if (fault.how === 'refuse') {
        status = 416;
        body = Buffer.alloc(0);
        headers['content-range'] = `bytes */${total}`;
      } else if (fault.how !== 'whole') {
        const other = Math.max(0, first - 7);
        const said = fault.how === 'shift' ? other : first;
        status = 206;
        body = body.subarray(other, other + total - said);
        headers['content-range'] = `bytes ${said}-${total - 1}/${total}`;
      }
      headers['content-length'] = String(body.length);
    }
    const clean = Object.fromEntries(Object.entries(headers).filter((pair) => pair[1] !== undefined)) as Record<
      string,
      string
    >;
    response.on('error', () => undefined);
    response.writeHead(status, clean);
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    await sendBody(response, body, seen, fault);
  }

  #forward(method: string, path: string, headers: IncomingMessage['headers'], body: Buffer): Promise<Upstream> {
    const [hostname, port] = this.#upstream.split(':');
    return new Promise((resolve, reject) => {
      const upstream = httpRequest(
        { hostname, port, method, path, headers: { ...headers, host: this.#upstream }, agent: false },
        (answer) => {
          readAll(answer).then(
            (bytes) => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: bytes }),
            reject,
          );
        },
      );
      upstream.on('error', reject);
      upstream.end(body);
    });
  }
}

interface Upstream {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

function targetOf(url: string): Target {
  if (url.startsWith('/token')) return 'token';
  if (url.includes('/manifests/')) return 'manifest';
  return url.includes('/blobs/') ? 'blob' : 'other';
}

async function readAll(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

async function sendBody(response: ServerResponse, body: Buffer, seen: Seen, fault: Fault | undefined): Promise<void> {
  if (fault?.kind === 'cut' || fault?.kind === 'stall') {
    const part = body.subarray(0, fault.at);
    seen.sent += part.length;
    response.flushHeaders();
    // Only when these bytes are on their way is the rest held back or the connection closed.
    await new Promise<void>((resolve) => response.write(part.length === 0 ? '' : part, () => resolve()));
    if (fault.kind === 'cut') response.socket?.end(() => response.socket?.destroy());
    return;
  }
  if (fault?.kind === 'drip') {
    for (let at = 0; at < body.length && !response.destroyed; at += fault.size) {
      const part = body.subarray(at, at + fault.size);
      seen.sent += part.length;
      response.write(part);
      await new Promise((resolve) => setTimeout(resolve, fault.ms));
    }
    response.end();
    return;
  }
  seen.sent += body.length;
  response.end(body);
}
