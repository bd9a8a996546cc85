/** How a server is reached: by which proxy, trusting whom, as whom, and whether it may be reached at all. */
import { type BlockList, connect, isIP, type LookupFunction, type OnReadOpts, type Socket } from 'node:net';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import type { NetworkOptions } from '../contract/source.ts';
import { allowedAddresses, checkAddress, openLookup, type Zone } from './addresses.ts';
import { failure } from './failures.ts';
import { hostListed, hostName } from './host.ts';
import { type Environment, type NamedProxy, openTunnel, ProxyFailure, proxyAuthorization, proxyFor } from './proxy.ts';
import type { Trust } from './trust.ts';

/** The way to one server. */
export interface Route {
  /** Two requests with the same key may share a connection. */
  readonly key: string;
  /** Where the connection goes first, when not to the server itself. */
  readonly proxy: NamedProxy | undefined;
  /** The proxy passes bytes on without reading them: always, when the server speaks TLS. */
  readonly tunnel: boolean;
  /**
   * Opens a connection that is ready for HTTP, its TLS verified: to the server, through a tunnel to it, or to the proxy
   * that passes on what it is asked.
   * @param onread where what is received goes, when not into memory of its own; a tunnel takes none
   */
  connect(onread?: OnReadOpts): Promise<Socket>;
}

const CONNECT_TIMEOUT = 15_000;

/** Who asks, and who named what is asked. */
export interface Asking {
  /** Whether the client certificate may be shown. */
  readonly identify: boolean;
  /** Zone of the server that named the URL; undefined for the user. */
  readonly namedBy?: Zone | undefined;
}

/** Finds the way to a URL. */
export type Router = (url: URL, asking: Asking) => Route;

/**
 * Errors of the router: E_CONFIG for a proxy or a range of addresses that cannot be used. Those of a connection are what
 * it failed with, ProxyFailure, ProxyRefusal, ClosedAddress, and those of certificate files (see `createTrust`).
 */
export function createRouter(network: NetworkOptions, env: Environment): Router {
  let trust: Promise<Trust> | undefined;
  const allowed = allowedAddresses(network.allowAddress ?? []);
  const timeout = Math.min(CONNECT_TIMEOUT, network.stallTimeout);

  /** TLS with `host` by `attempt`, when `protocol` says so. */
  async function secured(
    to: URL,
    identify: boolean,
    attempt: (tls?: ConnectionOptions) => Promise<Socket>,
  ): Promise<Socket> {
    if (to.protocol !== 'https:') return attempt();
    const host = hostName(to.host);
    // Loaded where TLS is spoken.
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
    // Behind a proxy the proxy decides what may be reached.
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

/** The proxy that reads what it passes on, and may answer itself. */
export function forwarderOf(way: Route): NamedProxy | undefined {
  return way.tunnel ? undefined : way.proxy;
}

/**
 * What a request names, and says besides: of a proxy that forwards it, the whole URL, and who asks for it (RFC 9110 7.1,
 * 11.7.2).
 */
export function targetOf(way: Route, url: URL): { readonly path: string; readonly headers: Record<string, string> } {
  const path = `${url.pathname}${url.search}`;
  const forwarder = forwarderOf(way);
  if (forwarder === undefined) return { path, headers: {} };
  const authorization = proxyAuthorization(forwarder.url);
  return {
    path: `${url.origin}${path}`,
    headers: authorization === undefined ? {} : { 'proxy-authorization': authorization },
  };
}

/** Looks at the address of a connection before it is made. */
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

/** Connects to the host of a URL; with `tls` this returns when the other side has proven who it is. */
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

/** The socket when it is connected; one that fails or takes too long (ms) is destroyed. */
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
