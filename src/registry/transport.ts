/**
 * One HTTP request over one connection: pools per server, proxies, TLS, time limits. Redirects, repeats and credentials
 * are the business of its callers. The only file that loads undici, and only when the first request is sent.
 */
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Pool } from 'undici';
import type { NetworkOptions } from '../contract/source.ts';
import { ioError } from '../core/errors.ts';
import type { ResponseHeaders } from './headers.ts';
import { hostListed, hostName } from './host.ts';
import { type Environment, openTunnel, proxyAuthorization, proxyFor } from './proxy.ts';

export interface TransportRequest {
  readonly method: 'GET' | 'HEAD' | 'POST';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  readonly signal: AbortSignal;
  /** Whether the client certificate may be shown to this server: not to one that another server redirected to. */
  readonly identify: boolean;
}

export interface TransportResponse {
  readonly status: number;
  readonly headers: ResponseHeaders;
  readonly body: AsyncIterable<Uint8Array>;
  /** Gives the connection back without reading the rest. */
  discard(): void;
}

export interface Transport {
  /** Sends one request; rejects with whatever the connection failed with (`connectionError` types it). */
  send(request: TransportRequest): Promise<TransportResponse>;
  close(): Promise<void>;
}

/** Milliseconds until a connection has to be there, TLS included. */
const CONNECT_TIMEOUT = 15_000;

/** A server's connections above those that downloads may take, so that a download that is held back starves no other request. */
const SPARE_CONNECTIONS = 4;

interface TlsOptions {
  readonly ca?: readonly (string | Buffer)[];
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

export function createTransport(network: NetworkOptions, env: Environment): Transport {
  const pools = new Map<string, Promise<Pool>>();
  let undici: Promise<Undici> | undefined;
  let authorities: Promise<readonly (string | Buffer)[] | undefined> | undefined;

  async function tlsOptions(identify: boolean): Promise<TlsOptions> {
    authorities ??= loadAuthorities(network, env);
    const ca = await authorities;
    const trust = ca === undefined ? {} : { ca };
    if (!identify || network.clientCert === undefined) return trust;
    const cert = await readNamed(network.clientCert, 'client certificate');
    // One file may hold both, as curl has it.
    const key = network.clientKey === undefined ? cert : await readNamed(network.clientKey, 'client key');
    return { ...trust, cert, key };
  }

  async function createPool(target: URL, proxy: URL | undefined, identify: boolean): Promise<Pool> {
    undici ??= loadUndici();
    const [{ Pool: PoolClass }, tls] = await Promise.all([
      undici,
      target.protocol === 'https:' || proxy?.protocol === 'https:' ? tlsOptions(identify) : {},
    ]);
    const timeout = Math.min(CONNECT_TIMEOUT, network.stallTimeout);
    const verify = { rejectUnauthorized: !hostListed(network.insecure, target.host) };
    const tunnel = proxy !== undefined && target.protocol === 'https:';
    return new PoolClass(proxy !== undefined && !tunnel ? proxy.origin : target.origin, {
      connections: network.parallel + SPARE_CONNECTIONS,
      pipelining: 1,
      headersTimeout: network.stallTimeout,
      bodyTimeout: network.stallTimeout,
      connect: tunnel
        ? (options, callback) => {
            connectThrough(proxy, target, options.servername, { ...tls, ...verify }, timeout).then(
              (socket) => callback(null, socket),
              (error: Error) => callback(error, null),
            );
          }
        : { ...(tls as object), ...verify, timeout, autoSelectFamily: true },
    });
  }

  return {
    async send(request) {
      const { url } = request;
      const proxy = proxyFor(url, env);
      const key = `${url.origin} ${proxy?.href ?? ''} ${request.identify}`;
      let pending = pools.get(key);
      if (pending === undefined) {
        pending = createPool(url, proxy, request.identify);
        pools.set(key, pending);
        pending.catch(() => pools.delete(key));
      }
      const pool = await pending;
      const forward = proxy !== undefined && url.protocol === 'http:';
      const authorization = forward ? proxyAuthorization(proxy) : undefined;
      const { request: send } = await (undici as Promise<Undici>);
      const response = await send.call(pool, {
        method: request.method,
        path: forward ? `${url.origin}${url.pathname}${url.search}` : `${url.pathname}${url.search}`,
        headers: {
          ...request.headers,
          host: url.host,
          ...(authorization === undefined ? {} : { 'proxy-authorization': authorization }),
        },
        body: request.body ?? null,
        signal: request.signal,
      });
      const { body } = response;
      return {
        status: response.statusCode,
        headers: response.headers,
        body,
        discard() {
          body.once('error', () => undefined);
          // A short rest is read, which keeps the connection; a long one is cut off.
          body.dump({ limit: 64 * 1024 }).catch(() => undefined);
        },
      };
    },
    async close() {
      const all = [...pools.values()];
      pools.clear();
      await Promise.all(all.map((pool) => pool.then((p) => p.destroy()).catch(() => undefined)));
    },
  };
}

interface Undici {
  readonly Pool: typeof import('undici').Pool;
  readonly request: typeof import('undici/lib/api/api-request.js').default;
}

async function loadUndici(): Promise<Undici> {
  const [pool, request] = await Promise.all([
    import('undici/lib/dispatcher/pool.js'),
    import('undici/lib/api/api-request.js'),
  ]);
  return { Pool: pool.default, request: request.default };
}

async function connectThrough(
  proxy: URL,
  target: URL,
  servername: string | undefined,
  options: TlsOptions & { readonly rejectUnauthorized: boolean },
  timeout: number,
): Promise<TLSSocket> {
  const socket = await openTunnel(proxy, `${target.hostname}:${target.port || 443}`, timeout);
  const { connect } = await import('node:tls');
  return new Promise((resolve, reject) => {
    const { ca, ...rest } = options;
    const secure = connect({
      ...rest,
      ...(ca === undefined ? {} : { ca: [...ca] }),
      socket,
      ...(isIP(hostName(target.host)) === 0 ? { servername: servername || target.hostname } : {}),
      ALPNProtocols: ['http/1.1'],
    });
    const timer = setTimeout(() => {
      secure.destroy(Object.assign(new Error('no TLS handshake in time'), { code: 'ETIMEDOUT' }));
    }, timeout);
    secure.once('secureConnect', () => {
      clearTimeout(timer);
      resolve(secure);
    });
    secure.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
  });
}

/**
 * The certificates to trust when more than the built-in ones are named. Node takes a list instead of its own, so its own
 * and those of NODE_EXTRA_CA_CERTS are put before it. SSL_CERT_FILE adds; it takes nothing away.
 */
async function loadAuthorities(
  network: NetworkOptions,
  env: Environment,
): Promise<readonly (string | Buffer)[] | undefined> {
  const named = [network.caFile, env.SSL_CERT_FILE || undefined].filter((file) => file !== undefined);
  if (named.length === 0) return undefined;
  const { rootCertificates } = await import('node:tls');
  const extra = env.NODE_EXTRA_CA_CERTS;
  const files = await Promise.all(named.map((file) => readNamed(file, 'certificate file')));
  // Node itself only warns about this one when it cannot be read.
  if (extra) files.push(await readFile(extra).catch(() => Buffer.alloc(0)));
  return [...rootCertificates, ...files.filter((file) => file.length > 0)];
}

function readNamed(file: string, what: string): Promise<Buffer> {
  return readFile(file).catch((error: unknown) => {
    throw ioError(error, `cannot read the ${what} ${file}`);
  });
}
