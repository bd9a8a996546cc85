/** How a server is reached: proxy, trusted authorities, client certificate, and whether its address is allowed. */

import { type BlockList, connect, isIP, type LookupFunction, type OnReadOpts, type Socket } from 'node:net';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import type { NetworkOptions } from '../contract/source.ts';
import type { Variables } from '../core/home.ts';
import { allowedAddresses, checkAddress, openLookup, type Zone } from './addresses.ts';
import { failure } from './failures.ts';
import { hostListed, hostName } from './host.ts';
import { type NamedProxy, openTunnel, ProxyFailure, proxyAuthorization, proxyFor } from './proxy.ts';
import type { Trust } from './trust.ts';

/** The route to one server. */
export interface Route {
  /** Requests with the same key may share a connection. */
  readonly key: string;
  /** The proxy that the connection goes to, if any. */
  readonly proxy: NamedProxy | undefined;
  /** The proxy passes bytes on without reading them; always if the server uses TLS. */
  readonly tunnel: boolean;
  /**
   * Opens a connection that is ready for HTTP, with TLS verified: to the server, through a tunnel to it, or to a
   * forwarding proxy.
   * @param onread receives the bytes, instead of memory of the socket's own; not used by a tunnel
   */
  connect(onread?: OnReadOpts): Promise<Socket>;
}

const CONNECT_TIMEOUT = 15_000;

/** Facts about a request that its route depends on. */
interface RouteOptions {
  /** Whether the client certificate may be shown. */
  readonly identify: boolean;
  /** Zone of the server that named the URL; undefined if the user named it. */
  readonly namedBy?: Zone | undefined;
}

/** Finds the route to a URL. */
export type Router = (url: URL, options: RouteOptions) => Route;

/**
 * Errors of the router: E_CONFIG for an unusable proxy or range of addresses. Errors of a connection: those of the
 * socket, ProxyFailure, ProxyRefusal, ClosedAddress, and those of certificate files (see `createTrust`).
 */
export function createRouter(network: NetworkOptions, env: Variables): Router {
  let trust: Promise<Trust> | undefined;
  const allowed = allowedAddresses(network.allowAddress ?? []);
  const timeout = Math.min(CONNECT_TIMEOUT, network.stallTimeout);

  /** Runs `attempt` with the TLS context for `host`, if `protocol` uses TLS. */
  async function secured(
    to: URL,
    identify: boolean,
    attempt: (tls?: ConnectionOptions) => Promise<Socket>,
  ): Promise<Socket> {
    if (to.protocol !== 'https:') return attempt();
    const host = hostName(to.host);
    // Loaded only when TLS is used.
    trust ??= import('./trust.ts').then(({ createTrust }) => createTrust(network, env));
    return (await trust).connect(to.host, identify, (secureContext) =>
      attempt({
        secureContext,
        rejectUnauthorized: !hostListed(network.insecure, to.host),
        ALPNProtocols: ['http/1.1'],
        ...(isIP(host) === 0 ? { servername: host } : { host }),
      }),
    );
  }

  async function connectToProxy(proxy: NamedProxy, onread?: OnReadOpts): Promise<Socket> {
    try {
      return await secured(proxy.url, false, (tls) => connectTo(proxy.url, timeout, { tls, onread }));
    } catch (error) {
      throw new ProxyFailure(proxy, error);
    }
  }

  async function connectThrough(proxy: NamedProxy, url: URL, tls?: ConnectionOptions): Promise<TLSSocket> {
    const target = `${url.hostname}:${url.port || 443}`;
    const socket = await openTunnel(proxy, await connectToProxy(proxy), target, timeout);
    const { connect } = await import('node:tls');
    return ready(connect({ ...tls, socket }), 'secureConnect', timeout, 'no TLS handshake in time');
  }

  return (url, { identify, namedBy }) => {
    const proxy = proxyFor(url, env);
    const tunnel = url.protocol === 'https:' && proxy !== undefined;
    // Behind a proxy, the proxy decides which addresses are allowed.
    const guard = proxy === undefined && namedBy !== undefined ? guardFor(namedBy, allowed) : undefined;
    return {
      key: `${url.origin} ${proxy?.url.href ?? ''} ${identify} ${guard === undefined ? '' : namedBy}`,
      proxy,
      tunnel,
      connect: (onread) => {
        if (tunnel) return secured(url, identify, (tls) => connectThrough(proxy, url, tls));
        if (proxy !== undefined) return connectToProxy(proxy, onread);
        return secured(url, identify, (tls) => connectTo(url, timeout, { tls, onread, guard }));
      },
    };
  };
}

/** The proxy that forwards requests, and may respond itself. */
export function forwarderOf(route: Route): NamedProxy | undefined {
  return route.tunnel ? undefined : route.proxy;
}

/**
 * The target of a request and its additional headers: for a forwarding proxy the whole URL and the proxy's credentials
 * (RFC 9110 7.1, 11.7.2).
 */
export function targetOf(route: Route, url: URL): { readonly path: string; readonly headers: Record<string, string> } {
  const path = `${url.pathname}${url.search}`;
  const forwarder = forwarderOf(route);
  if (forwarder === undefined) return { path, headers: {} };
  const authorization = proxyAuthorization(forwarder.url);
  return {
    path: `${url.origin}${path}`,
    headers: authorization === undefined ? {} : { 'proxy-authorization': authorization },
  };
}

/** Checks the address of a connection before it is opened. */
interface Guard {
  /** Throws ClosedAddress. */
  check(address: string): void;
  readonly lookup: LookupFunction;
}

function guardFor(namedBy: Zone, allowed: BlockList): Guard {
  return {
    check: (address) => checkAddress(address, namedBy, allowed),
    lookup: openLookup(namedBy, allowed),
  };
}

interface Line {
  readonly tls?: ConnectionOptions | undefined;
  readonly onread?: OnReadOpts | undefined;
  readonly guard?: Guard | undefined;
}

/** Connects to the host of a URL; with `tls` it resolves after the server's certificate was verified. */
async function connectTo(to: URL, timeout: number, { tls, onread, guard }: Line): Promise<Socket> {
  const host = hostName(to.host);
  if (isIP(host) !== 0) guard?.check(host);
  const options = {
    host,
    port: Number(to.port) || (to.protocol === 'https:' ? 443 : 80),
    noDelay: true,
    keepAlive: true,
    ...(onread === undefined ? {} : { onread }),
    ...(guard === undefined ? {} : { lookup: guard.lookup }),
  };
  if (tls === undefined) return ready(connect(options), 'connect', timeout, 'no connection in time');
  const { connect: connectSecurely } = await import('node:tls');
  return ready(connectSecurely({ ...options, ...tls }), 'secureConnect', timeout, 'no connection in time');
}

/** The socket when it is connected; on failure or after the timeout (ms) it is destroyed. */
function ready<T extends Socket>(socket: T, event: string, timeout: number, late: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => {
      clearTimeout(timer);
      socket.on('error', () => undefined).destroy();
      reject(error);
    };
    const timer = setTimeout(() => fail(failure('ETIMEDOUT', late)), timeout);
    socket.once('error', fail);
    socket.once(event, () => {
      clearTimeout(timer);
      socket.off('error', fail);
      resolve(socket);
    });
  });
}
