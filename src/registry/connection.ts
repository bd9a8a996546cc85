/** How a server is reached: by which proxy, trusting whom, as whom. */
import { connect, isIP, type OnReadOpts, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { NetworkOptions } from '../contract/source.ts';
import { printable } from '../core/printable.ts';
import { readNamedFile } from '../fs/small-file.ts';
import { failure } from './connection-errors.ts';
import { hostListed, hostName } from './host.ts';
import { type Environment, openTunnel, proxyAuthorization, proxyFor } from './proxy.ts';

export interface TlsOptions {
  readonly ca?: (string | Buffer)[];
  readonly cert?: Buffer;
  readonly key?: Buffer;
  readonly rejectUnauthorized: boolean;
}

/** The way to one server. */
export interface Route {
  /** Two requests with the same key may share a connection. */
  readonly key: string;
  /** Where the connection goes first, when not to the server itself. */
  readonly proxy: URL | undefined;
  /** The proxy passes bytes on without reading them: always, when the server speaks TLS. */
  readonly tunnel: boolean;
  /** For the server, or for a proxy that is spoken to by TLS and is no tunnel. */
  readonly tls: TlsOptions;
  /** Milliseconds until the connection has to be there, TLS included. */
  readonly timeout: number;
  /** Opens a tunnelled connection, verified end to end. */
  connectThrough(): Promise<TLSSocket>;
}

const CONNECT_TIMEOUT = 15_000;

/** Finds the way to a URL. With `identify` false the client certificate is not shown. */
export type Router = (url: URL, identify: boolean) => Promise<Route>;

/** Errors of the router: E_CONFIG for a proxy that cannot be used, E_PATH_NOT_FOUND or exit 74 for certificate files. */
export function createRouter(network: NetworkOptions, env: Environment): Router {
  const loadAuthorities = once(() => readAuthorities(network, env));
  const loadIdentity = once(() => readIdentity(network));
  return async (url, identify) => {
    const proxy = proxyFor(url, env);
    const secure = url.protocol === 'https:';
    const tls: TlsOptions = {
      rejectUnauthorized: !hostListed(network.insecure, url.host),
      ...(secure || proxy?.protocol === 'https:' ? await loadAuthorities() : {}),
      ...(secure && identify ? await loadIdentity() : {}),
    };
    const timeout = Math.min(CONNECT_TIMEOUT, network.stallTimeout);
    return {
      key: `${url.origin} ${proxy?.href ?? ''} ${identify}`,
      proxy,
      tunnel: secure && proxy !== undefined,
      tls,
      timeout,
      connectThrough: () => connectThrough(proxy as URL, url, tls, timeout),
    };
  };
}

/**
 * What a request names, and says besides: of a proxy that forwards it, the whole URL, and who asks for it (RFC 9110 7.1,
 * 11.7.2).
 */
export function targetOf(way: Route, url: URL): { readonly path: string; readonly headers: Record<string, string> } {
  const path = `${url.pathname}${url.search}`;
  if (way.proxy === undefined || way.tunnel) return { path, headers: {} };
  const authorization = proxyAuthorization(way.proxy);
  return {
    path: `${url.origin}${path}`,
    headers: authorization === undefined ? {} : { 'proxy-authorization': authorization },
  };
}

function once<T>(work: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined;
  return () => {
    result ??= work();
    return result;
  };
}

/**
 * Connects to the server, or to the proxy that passes on what it is asked; TLS is verified when this returns.
 * @param onread where what is received goes, when not into memory of its own
 */
export async function connectTo(way: Route, url: URL, onread?: OnReadOpts): Promise<Socket> {
  const first = way.proxy ?? url;
  const secure = first.protocol === 'https:';
  const host = hostName(first.host);
  const options = {
    host,
    port: Number(first.port) || (secure ? 443 : 80),
    noDelay: true,
    keepAlive: true,
    ...(onread === undefined ? {} : { onread }),
  };
  const tls = secure ? await import('node:tls') : undefined;
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
    const fail = (error: unknown): void => {
      clearTimeout(timer);
      socket.on('error', () => undefined).destroy();
      reject(error);
    };
    const timer = setTimeout(() => fail(failure('ETIMEDOUT', 'no connection in time')), way.timeout);
    socket.once('error', fail);
    socket.once(secure ? 'secureConnect' : 'connect', () => {
      clearTimeout(timer);
      socket.off('error', fail);
      resolve(socket);
    });
  });
}

async function connectThrough(proxy: URL, target: URL, tls: TlsOptions, timeout: number): Promise<TLSSocket> {
  const socket = await openTunnel(proxy, `${target.hostname}:${target.port || 443}`, timeout);
  const { connect } = await import('node:tls');
  return new Promise((resolve, reject) => {
    const host = hostName(target.host);
    const secure = connect({
      ...tls,
      socket,
      ALPNProtocols: ['http/1.1'],
      ...(isIP(host) === 0 ? { servername: host } : { host }),
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
async function readAuthorities(network: NetworkOptions, env: Environment): Promise<Pick<TlsOptions, 'ca'>> {
  const named = [network.caFile, env.SSL_CERT_FILE || undefined].filter((file) => file !== undefined);
  if (named.length === 0) return {};
  const { rootCertificates } = await import('node:tls');
  const files = await Promise.all(named.map((file) => readNamed(file, 'certificate file')));
  // Node itself only warns about this one when it cannot be read.
  if (env.NODE_EXTRA_CA_CERTS)
    files.push(await readNamed(env.NODE_EXTRA_CA_CERTS, 'certificate file').catch(() => Buffer.alloc(0)));
  return { ca: [...rootCertificates, ...files.filter((file) => file.length > 0)] };
}

async function readIdentity(network: NetworkOptions): Promise<Pick<TlsOptions, 'cert' | 'key'>> {
  if (network.clientCert === undefined) return {};
  const cert = await readNamed(network.clientCert, 'client certificate');
  // One file may hold both, as curl has it.
  const key = network.clientKey === undefined ? cert : await readNamed(network.clientKey, 'client key');
  return { cert, key };
}

function readNamed(file: string, what: string): Promise<Buffer> {
  return readNamedFile(file, { what: `the ${what} ${printable(file)}` });
}
