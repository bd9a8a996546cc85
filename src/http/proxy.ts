/**
 * Proxies in the environment: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, also in lower case, by the rules of Go's
 * `httpproxy` (which docker uses), and ALL_PROXY by curl's. Loopback never uses a proxy; NO_PROXY has names,
 * `.suffixes`, addresses, address ranges, optional ports, or `*`.
 */
import { request } from 'node:http';
import { BlockList, isIP, type Socket } from 'node:net';
import { CtxsrcError } from '../core/errors.ts';
import type { Variables } from '../core/home.ts';
import { type BadAnswer, saying } from './errors.ts';
import { header, type ResponseHeaders, USER_AGENT } from './headers.ts';
import { hostName, isLoopback } from './host.ts';

export interface NamedProxy {
  /** With the proxy's user and password, if any. */
  readonly url: URL;
  /** The environment variable that names it. */
  readonly variable: string;
}

/** The proxy for a URL; undefined for a direct connection. Throws E_CONFIG for a proxy that this program cannot use. */
export function proxyFor(url: URL, env: Variables): NamedProxy | undefined {
  const names = url.protocol === 'https:' ? ['HTTPS_PROXY', 'ALL_PROXY'] : ['HTTP_PROXY', 'ALL_PROXY'];
  const variable = names.flatMap((name) => [name, name.toLowerCase()]).find((name) => env[name]);
  if (variable === undefined || isLoopback(url.host) || excluded(url, env.NO_PROXY || env.no_proxy || ''))
    return undefined;
  const text = env[variable] as string;
  let proxy: URL;
  try {
    proxy = new URL(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`);
    // The credentials are sent decoded; a bare % cannot be decoded.
    decodeURIComponent(`${proxy.username}:${proxy.password}`);
  } catch (cause) {
    throw unusable(variable, url.host, cause);
  }
  if (proxy.protocol !== 'http:' && proxy.protocol !== 'https:') throw unusable(variable, url.host);
  return { url: proxy, variable };
}

// The value may hold a password, so it is not shown.
function unusable(name: string, host: string, cause?: unknown): CtxsrcError {
  return new CtxsrcError('E_CONFIG', `the environment variable ${name} does not hold the URL of an HTTP proxy`, {
    cause,
    hint: `set ${name} to http://HOST:PORT, or add ${host} to NO_PROXY`,
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

/** The Proxy-Authorization header for a proxy whose URL has credentials. */
export function proxyAuthorization(proxy: URL): string | undefined {
  if (proxy.username === '' && proxy.password === '') return undefined;
  const pair = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  return `Basic ${Buffer.from(pair).toString('base64')}`;
}

/** A proxy responded, instead of the server, that it does not forward the request. */
export class ProxyRefusal extends Error {
  readonly proxy: NamedProxy;
  readonly status: number;
  /** ` (WORDS)`: the reason that it gave; empty if none. */
  readonly said: string;
  constructor(proxy: NamedProxy, { status, text, headers, statusText = '' }: ProxyAnswer) {
    super(`the proxy answered ${status}`);
    this.proxy = proxy;
    this.status = status;
    const secrets = [proxy.url.password, decodeURIComponent(proxy.url.password)];
    // Squid's page gives less of the reason than its header.
    const squid = header(headers, 'x-squid-error')?.replace(/ 0$/, '') ?? '';
    this.said = [squid, text, statusText].map((words) => saying(words, secrets)).find((words) => words !== '') ?? '';
  }
}

export interface ProxyAnswer extends Omit<BadAnswer, 'secrets'> {
  readonly headers: ResponseHeaders;
  readonly statusText?: string | undefined;
}

/** The proxy itself could not be reached; `cause` has the reason. */
export class ProxyFailure extends Error {
  readonly proxy: NamedProxy;
  constructor(proxy: NamedProxy, cause: unknown) {
    super('the proxy cannot be reached', { cause });
    this.proxy = proxy;
  }
}

/** How many bytes of a refusal's body are read, and for how long (ms). */
const REFUSAL_BODY = 4096;
const REFUSAL_TIME = 1000;

/**
 * Opens a tunnel through a proxy (RFC 9110, section 9.3.6).
 * @param socket a connection to the proxy
 * @param target `host:port` of the server
 * @param timeout milliseconds until the proxy has to respond
 * @throws ProxyRefusal, ProxyFailure
 */
export function openTunnel(proxy: NamedProxy, socket: Socket, target: string, timeout: number): Promise<Socket> {
  const authorization = proxyAuthorization(proxy.url);
  return new Promise((resolve, reject) => {
    const connect = request({
      createConnection: () => socket,
      method: 'CONNECT',
      path: target,
      headers: {
        host: target,
        'user-agent': USER_AGENT,
        ...(authorization === undefined ? {} : { 'proxy-authorization': authorization }),
      },
    });
    const timer = setTimeout(() => {
      connect.destroy(Object.assign(new Error('the proxy did not answer in time'), { code: 'ETIMEDOUT' }));
    }, timeout);
    // Every response to CONNECT arrives as this event; its body is the rest of the connection.
    connect.once('connect', (response, _socket, head) => {
      clearTimeout(timer);
      const { statusCode: status = 0, statusMessage: statusText, headers } = response;
      if (status >= 200 && status < 300) {
        resolve(socket);
        return;
      }
      void restOf(socket, head, Number(headers['content-length'] ?? REFUSAL_BODY)).then((text) => {
        socket.destroy();
        reject(new ProxyRefusal(proxy, { status, statusText, text, headers }));
      });
    });
    connect.once('error', (error) => {
      clearTimeout(timer);
      socket.destroy();
      reject(new ProxyFailure(proxy, error));
    });
    connect.end();
  });
}

/** The rest of a connection, as far as it is short and arrives soon. */
async function restOf(socket: Socket, head: Buffer, length: number): Promise<string> {
  const most = Math.min(length, REFUSAL_BODY);
  let text = head;
  const timer = setTimeout(() => socket.destroy(), REFUSAL_TIME);
  try {
    if (text.length < most) {
      for await (const piece of socket) {
        text = Buffer.concat([text, piece as Buffer]);
        if (text.length >= most) break;
      }
    }
  } catch {
    // The status is enough; the rest is lost.
  }
  clearTimeout(timer);
  return text.subarray(0, Math.max(most, 0)).toString('utf8');
}
