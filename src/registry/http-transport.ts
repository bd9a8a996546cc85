/**
 * Requests over HTTP/1.1 connections, which are kept for the next one to the same place. TLS and addresses are Node's;
 * what is read from them is ours (`exchange.ts` says why).
 */
import { connect, isIP, type NetConnectOpts, type Socket } from 'node:net';
import type { NetworkOptions } from '../contract/source.ts';
import { createRouter, type Route } from './connection.ts';
import { CLOSED, errorCode, failure } from './connection-errors.ts';
import { Exchange, PIECE } from './exchange.ts';
import { hostName } from './host.ts';
import { type Environment, proxyAuthorization } from './proxy.ts';
import { Slots } from './slots.ts';
import type { Transport, TransportRequest, TransportResponse } from './transport.ts';

/** Connections to a place above those that downloads may take, so that a download that is held back starves no other request. */
const SPARE_CONNECTIONS = 4;
/** How long a connection is kept without a use (ms): less than servers do. */
const KEEP = 4_000;

/** A connection and the exchange that it serves now. */
interface Connection {
  readonly socket: Socket;
  exchange: Exchange | undefined;
}

/** The connections of one way to a server. */
class Place {
  readonly slots: Slots;
  readonly idle: Connection[] = [];

  constructor(size: number) {
    this.slots = new Slots(size);
  }

  reuse(): Connection | undefined {
    for (let kept = this.idle.pop(); kept !== undefined; kept = this.idle.pop()) {
      if (kept.socket.destroyed || !kept.socket.writable) continue;
      kept.socket.setTimeout(0).ref();
      return kept;
    }
    return undefined;
  }

  keep(connection: Connection): void {
    connection.socket.setTimeout(KEEP).unref();
    this.idle.push(connection);
  }
}

export function createTransport(network: NetworkOptions, env: Environment): Transport {
  const route = createRouter(network, env);
  const places = new Map<string, Place>();
  const sockets = new Set<Socket>();
  let closed = false;

  function placeOf({ key }: Route): Place {
    let place = places.get(key);
    if (place === undefined) {
      place = new Place(network.parallel + SPARE_CONNECTIONS);
      places.set(key, place);
    }
    return place;
  }

  async function open(way: Route, url: URL, signal: AbortSignal): Promise<Connection> {
    let exchanging: (() => Exchange | undefined) | undefined;
    const receive = (bytes: Buffer): void => exchanging?.()?.receive(bytes);
    const socket = way.tunnel ? await way.connectThrough() : await connectTo(way, url, signal, receive);
    const connection: Connection = { socket, exchange: undefined };
    exchanging = () => {
      // Nobody asked for what comes between two exchanges.
      if (connection.exchange === undefined) socket.destroy();
      return connection.exchange;
    };
    if (way.tunnel) socket.on('data', receive);
    socket.on('error', (error) => connection.exchange?.fail(error));
    socket.on('end', () => connection.exchange?.closed());
    socket.on('timeout', () => {
      if (connection.exchange === undefined) socket.destroy();
    });
    socket.on('close', () => {
      sockets.delete(socket);
      connection.exchange?.closed();
    });
    sockets.add(socket);
    if (closed || signal.aborted) socket.destroy();
    return connection;
  }

  async function send(request: TransportRequest, again: boolean): Promise<TransportResponse> {
    const { url, method, signal } = request;
    const way = await route(url, request.identify);
    const text = requestText(request, way);
    const place = placeOf(way);
    const leave = await place.slots.take(signal);
    let exchange: Exchange | undefined;
    let kept: Connection | undefined;
    try {
      signal.throwIfAborted();
      if (again) kept = place.reuse();
      const connection = kept ?? (await open(way, url, signal));
      signal.throwIfAborted();
      exchange = new Exchange(connection.socket, method, signal, network.stallTimeout, (reusable) => {
        connection.exchange = undefined;
        if (reusable && !closed) place.keep(connection);
        else connection.socket.destroy();
        leave();
      });
      connection.exchange = exchange;
      const { status, headers } = await exchange.start(text);
      return { status, headers, body: exchange.body(), discard: () => exchange?.discard() };
    } catch (error) {
      leave();
      // The server closed a connection that was kept just as it was used again; a new one is another matter.
      const stale = kept !== undefined && exchange?.answered === false && BROKEN.has(errorCode(error));
      if (stale && !signal.aborted) return send(request, false);
      throw error;
    }
  }

  return {
    send: (request) => send(request, true),
    async close() {
      closed = true;
      for (const socket of sockets) socket.destroy();
    },
  };
}

const BROKEN: ReadonlySet<string> = new Set([CLOSED, 'ECONNRESET', 'EPIPE']);

/** Connects to the server, or to the proxy that passes on what it is asked. What is read goes to `receive`. */
async function connectTo(way: Route, url: URL, signal: AbortSignal, receive: (bytes: Buffer) => void): Promise<Socket> {
  const first = way.proxy ?? url;
  const secure = first.protocol === 'https:';
  const host = hostName(first.host);
  const options: NetConnectOpts = {
    host,
    port: Number(first.port) || (secure ? 443 : 80),
    noDelay: true,
    onread: {
      buffer: Buffer.allocUnsafeSlow(PIECE),
      callback(length, buffer) {
        receive((buffer as Buffer).subarray(0, length));
        return true;
      },
    },
  };
  const tls = secure ? await import('node:tls') : undefined;
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const socket =
      tls === undefined
        ? connect(options)
        : tls.connect({
            ...options,
            ...way.tls,
            ALPNProtocols: ['http/1.1'],
            ...(isIP(host) === 0 ? { servername: host } : {}),
          });
    const settle = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      socket.off('error', fail);
    };
    const fail = (error: unknown): void => {
      settle();
      socket.on('error', () => undefined).destroy();
      reject(error);
    };
    const abort = (): void => fail(signal.reason);
    const timer = setTimeout(() => fail(failure('ETIMEDOUT', 'no connection in time')), way.timeout);
    signal.addEventListener('abort', abort, { once: true });
    socket.once('error', fail);
    socket.once(secure ? 'secureConnect' : 'connect', () => {
      settle();
      resolve(socket);
    });
  });
}

/** The bytes of a request, latin-1. */
function requestText({ method, url, headers, body }: TransportRequest, way: Route): string {
  const forward = way.tunnel ? undefined : way.proxy;
  const authorization = forward === undefined ? undefined : proxyAuthorization(forward);
  const all = {
    host: url.host,
    connection: 'keep-alive',
    ...headers,
    ...(body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
    ...(authorization === undefined ? {} : { 'proxy-authorization': authorization }),
  };
  const lines = Object.entries(all).map(([name, value]) => {
    // Some values are made of what a server sent, and must not become more than one line.
    if (/[^!#$%&'*+.^_`|~0-9a-z-]/i.test(name) || /[^\t\x20-\x7e\x80-\xff]/.test(value)) {
      throw failure('ERR_INVALID_CHAR', `the header ${name} has characters that it must not have`);
    }
    return `${name}: ${value}\r\n`;
  });
  const path = `${forward === undefined ? '' : url.origin}${url.pathname}${url.search}`;
  const bytes = body === undefined ? '' : Buffer.from(body).toString('latin1');
  return `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${bytes}`;
}
