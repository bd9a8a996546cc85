/**
 * Proxies as the environment names them: HTTP_PROXY, HTTPS_PROXY and NO_PROXY, lower case too, with the rules of Go's
 * `httpproxy` (and so of docker): loopback is never sent to a proxy; NO_PROXY has names, `.suffixes`, addresses,
 * address ranges, optional ports, or `*`.
 */
import { BlockList, isIP, type Socket } from 'node:net';
import { CtxsrcError } from '../core/errors.ts';
import { USER_AGENT } from './headers.ts';
import { hostName, isLoopback } from './host.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The proxy for a URL; undefined when it is to be reached directly. Throws E_CONFIG for a proxy this program cannot use. */
export function proxyFor(url: URL, env: Environment): URL | undefined {
  const name = url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY';
  const text = env[name] || env[name.toLowerCase()];
  if (!text || isLoopback(url.host) || excluded(url, env.NO_PROXY || env.no_proxy || '')) return undefined;
  let proxy: URL;
  try {
    proxy = new URL(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`);
  } catch (cause) {
    throw unusable(name, cause);
  }
  if (proxy.protocol !== 'http:' && proxy.protocol !== 'https:') throw unusable(name);
  return proxy;
}

// The value may hold a password, so it is not shown.
function unusable(name: string, cause?: unknown): CtxsrcError {
  return new CtxsrcError('E_CONFIG', `the environment variable ${name} does not hold the URL of an HTTP proxy`, {
    cause,
    hint: `set ${name} to http://HOST:PORT, or add the registry to NO_PROXY`,
  });
}

function excluded(url: URL, list: string): boolean {
  const host = hostName(url.host);
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  return list
    .split(',')
    .map((entry) => entry.trim().toLowerCase())
    .filter((entry) => entry !== '')
    .some((entry) => entry === '*' || entryMatches(entry, host, port));
}

function entryMatches(entry: string, host: string, port: string): boolean {
  const range = /^(.*)\/(\d{1,3})$/.exec(entry);
  if (range?.[1] !== undefined) return rangeHolds(range[1], Number(range[2]), host);
  if (isIP(entry) !== 0) return entry === host;
  const withPort = /^(.*):(\d+)$/.exec(entry);
  const name = hostName(withPort?.[1] ?? entry);
  if (withPort?.[2] !== undefined && withPort[2] !== port) return false;
  if (name.startsWith('*.')) return host.endsWith(name.slice(1));
  if (name.startsWith('.')) return host.endsWith(name);
  return host === name || (isIP(host) === 0 && host.endsWith(`.${name}`));
}

function rangeHolds(address: string, prefix: number, host: string): boolean {
  const family = isIP(host);
  if (family === 0 || isIP(address) !== family || prefix > (family === 4 ? 32 : 128)) return false;
  const list = new BlockList();
  const type = family === 4 ? 'ipv4' : 'ipv6';
  list.addSubnet(address, prefix, type);
  return list.check(host, type);
}

/** The Proxy-Authorization header for a proxy whose URL has a user in it. */
export function proxyAuthorization(proxy: URL): string | undefined {
  if (proxy.username === '' && proxy.password === '') return undefined;
  const pair = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  return `Basic ${Buffer.from(pair).toString('base64')}`;
}

/** A proxy answered a CONNECT with something other than success. */
export class ProxyRefusal extends Error {
  readonly status: number;
  constructor(status: number) {
    super(`the proxy answered ${status}`);
    this.status = status;
  }
}

/**
 * Opens a tunnel through a proxy (RFC 9110, section 9.3.6).
 * @param target `host:port` of the server
 * @param timeout milliseconds until the proxy has to have answered
 */
export async function openTunnel(proxy: URL, target: string, timeout: number): Promise<Socket> {
  const { request } = proxy.protocol === 'https:' ? await import('node:https') : await import('node:http');
  const authorization = proxyAuthorization(proxy);
  return new Promise((resolve, reject) => {
    const connect = request({
      host: hostName(proxy.host),
      port: proxy.port || (proxy.protocol === 'https:' ? 443 : 80),
      method: 'CONNECT',
      path: target,
      agent: false,
      headers: {
        host: target,
        'user-agent': USER_AGENT,
        ...(authorization === undefined ? {} : { 'proxy-authorization': authorization }),
      },
    });
    const timer = setTimeout(() => {
      connect.destroy(Object.assign(new Error('the proxy did not answer in time'), { code: 'ETIMEDOUT' }));
    }, timeout);
    connect.once('connect', (response, socket) => {
      clearTimeout(timer);
      if (response.statusCode === 200) {
        resolve(socket as Socket);
        return;
      }
      socket.destroy();
      reject(new ProxyRefusal(response.statusCode ?? 0));
    });
    connect.once('response', (response) => {
      clearTimeout(timer);
      response.destroy();
      reject(new ProxyRefusal(response.statusCode ?? 0));
    });
    connect.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    connect.end();
  });
}
