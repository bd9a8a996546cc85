/**
 * HTTP for everything that fetches: redirects decided one by one, repeats of what may pass, rate limits told apart, an
 * event for each request. Credentials are the caller's; they go to the origin they were given for and nowhere else.
 */
import { setMaxListeners } from 'node:events';
import type { JobContext } from '../contract/session.ts';
import type { NetworkOptions } from '../contract/source.ts';
import { CtxsrcError } from '../core/errors.ts';
import { monotonicMs } from '../core/monotonic.ts';
import type { Zone } from './addresses.ts';
import { guarded, readAll, readStart } from './body.ts';
import { type Clock, systemClock } from './clock.ts';
import type { Subject } from './errors.ts';
import { connectionError } from './failures.ts';
import { header, type ResponseHeaders, urlText, withUserAgent } from './headers.ts';
import { type Environment, type NamedProxy, ProxyRefusal, proxyFor } from './proxy.ts';
import { type RetryPolicy, retry, TransientError } from './retry.ts';
import { busyError, isBusy } from './retry-after.ts';
import { createTransport } from './transport/choose.ts';
import type { TransportResponse } from './transport/transport.ts';

export interface HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'POST';
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Headers that carry secrets: sent to the origin of `url` exactly, dropped at a redirect to any other. */
  readonly secretHeaders?: Readonly<Record<string, string>> | undefined;
  /** Form data of a POST. Not sent again by a redirect. */
  readonly body?: string | undefined;
  readonly subject: Subject;
  /**
   * Who named the URL, when it was not the user: the zone of the server that did, or `OPEN` for a file. It has to lead to
   * an address that this may name (E_UNSAFE).
   */
  readonly namedBy?: Zone | undefined;
  /** False: the client certificate is not shown. By default it is shown to the origin of `url`. */
  readonly identify?: boolean | undefined;
  /** Texts that must not appear in a message, should the server echo them. */
  readonly secrets?: Iterable<string> | undefined;
  /** The body may be of any size, and is no answer to be read at once. */
  readonly stream?: boolean | undefined;
  /** A connection that fails is not tried again: the caller has another way. */
  readonly connectOnce?: boolean | undefined;
  /** Repeats, when fewer than the options say. */
  readonly retries?: number | undefined;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: ResponseHeaders;
  /** Where the answer came from, after redirects. */
  readonly url: URL;
  /** What URLs in the answer may lead to: `namedBy` of the requests for them. */
  readonly zone: Zone;
  /** A piece is the caller's until it asks for the next one. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Gives the connection back without reading the rest. */
  discard(): void;
}

/** An answer whose body was read. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: ResponseHeaders;
  readonly url: URL;
  readonly zone: Zone;
  readonly bytes: Uint8Array;
}

export interface HttpClient {
  readonly policy: RetryPolicy;
  /**
   * Sends a request, again where that may help, until the head of an answer is there. Answers of every status come back
   * but 408, 429 and 5xx, which are repeated and in the end thrown.
   * Errors: E_NETWORK, E_STALLED, E_SERVER, E_RATE_LIMIT, E_TLS, E_UNSAFE (redirect), E_REGISTRY_PROTOCOL.
   */
  request(job: JobContext, request: HttpRequest): Promise<HttpResponse>;
  /** The same for one try: a failure that may pass is thrown as `TransientError`. */
  attempt(job: JobContext, request: HttpRequest): Promise<HttpResponse>;
  /** The same with the body, which is read within the try. More than `maxBytes` is E_LIMIT. */
  fetch(job: JobContext, request: HttpRequest, maxBytes: number): Promise<HttpAnswer>;
  close(): Promise<void>;
}

const MOST_REDIRECTS = 10;
const ERROR_BODY = 64 * 1024;

/**
 * @param options.env where proxies and certificate files are named; the process's environment unless given
 * @param options.clock the system's unless given
 */
export function createHttpClient(options: {
  readonly network: NetworkOptions;
  readonly env?: Environment | undefined;
  readonly clock?: Clock | undefined;
}): HttpClient {
  const { network, env = process.env, clock = systemClock } = options;
  const transport = createTransport(network, env);
  const policy: RetryPolicy = { retries: network.retry, maxWait: network.maxWait, clock };

  async function follow(job: JobContext, request: HttpRequest): Promise<HttpResponse> {
    let url = withoutUser(request.url);
    let { method, body, namedBy } = request;
    for (let redirects = 0; ; redirects += 1) {
      const own = url.origin === request.url.origin;
      const response = await sendOne(job, {
        ...request,
        url,
        method,
        body,
        namedBy,
        headers: { ...request.headers, ...(own ? request.secretHeaders : undefined) },
        own,
      });
      const location = header(response.headers, 'location');
      if (![301, 302, 303, 307, 308].includes(response.status) || location === undefined) {
        return { ...response, url };
      }
      response.discard();
      if (redirects === MOST_REDIRECTS)
        throw redirectError(request.subject, 'it redirects without end', 'E_REGISTRY_PROTOCOL');
      url = nextUrl(url, location, request.subject);
      // Also at the same host: its name may mean another address by now.
      namedBy = response.zone;
      if (method === 'POST') {
        if (response.status === 307 || response.status === 308) {
          throw redirectError(request.subject, 'it redirects a request with credentials in it');
        }
        method = 'GET';
        body = undefined;
      }
    }
  }

  /** The proxy for a URL; a setting that cannot be used is told by who connects. */
  function usableProxy(url: URL): NamedProxy | undefined {
    try {
      return proxyFor(url, env);
    } catch {
      return undefined;
    }
  }

  async function sendOne(
    job: JobContext,
    request: HttpRequest & { readonly own: boolean },
  ): Promise<TransportResponse> {
    const { method, url, subject, body, own, namedBy, stream = false } = request;
    const started = monotonicMs();
    const report = (status: number | undefined, error?: string): void => {
      job.progress.emit({
        type: 'request',
        method,
        url: `${url.origin}${url.pathname}`,
        status,
        ms: Math.round(monotonicMs() - started),
        ...(error === undefined ? {} : { error }),
      });
    };
    job.signal.throwIfAborted();
    // One job has many requests on their way, and each listens for its end.
    setMaxListeners(0, job.signal);
    try {
      const response = await transport.send({
        method,
        url,
        headers: withUserAgent(request.headers),
        body,
        signal: job.signal,
        stream,
        identify: own && request.identify !== false,
        namedBy,
      });
      report(response.status);
      const { forwarder } = response;
      if (forwarder !== undefined && isProxysOwn(response)) {
        const text = await readStart(response, ERROR_BODY);
        throw new ProxyRefusal(forwarder, { status: response.status, headers: response.headers, text });
      }
      return { ...response, body: guarded(response.body, job.signal, subject) };
    } catch (error) {
      if (job.signal.aborted) throw job.signal.reason;
      const anonymous = url.protocol === 'https:' && network.clientCert === undefined;
      const typed = connectionError(error, subject, { anonymous, proxy: usableProxy(url) });
      report(undefined, (typed instanceof TransientError ? typed.error : (typed as CtxsrcError)).code);
      throw typed;
    }
  }

  async function attempt(job: JobContext, request: HttpRequest): Promise<HttpResponse> {
    const response = await follow(job, request);
    if (!isBusy(response.status)) return response;
    const text = await readStart(response, ERROR_BODY);
    const { subject, secrets = [] } = request;
    const { status, headers } = response;
    throw busyError(subject, { status, headers, text, secrets }, { now: clock.now(), maxWait: network.maxWait });
  }

  function repeat<T>(job: JobContext, request: HttpRequest, work: () => Promise<T>): Promise<T> {
    const own = { ...policy, retries: Math.min(policy.retries, request.retries ?? policy.retries) };
    const tried = request.connectOnce ? connectOnce(work) : work;
    return retry(own, job.signal, tried, (error, ms) => {
      job.progress.emit({ type: 'message', level: 'verbose', text: `${error.message}; next try in ${ms} ms` });
    });
  }

  return {
    policy,
    attempt,
    request: (job, request) => repeat(job, request, () => attempt(job, request)),
    fetch: (job, request, maxBytes) =>
      repeat(job, request, async () => {
        const response = await attempt(job, request);
        const bytes = await readAll(response, maxBytes, request.subject);
        const { status, headers, url, zone } = response;
        return { status, headers, url, zone, bytes };
      }),
    close: () => transport.close(),
  };
}

/** Whether a proxy says something in its own name: 407 is its to say, and these headers are (Squid's, and RFC 9209's). */
function isProxysOwn({ status, headers }: TransportResponse): boolean {
  if (status < 400) return false;
  return status === 407 || 'x-squid-error' in headers || /;\s*error=/.test(header(headers, 'proxy-status') ?? '');
}

function connectOnce<T>(work: () => Promise<T>): () => Promise<T> {
  return async () => {
    try {
      return await work();
    } catch (error) {
      const { code } = error instanceof TransientError ? error.error : {};
      throw code === 'E_NETWORK' || code === 'E_REGISTRY_PROTOCOL' ? (error as TransientError).error : error;
    }
  };
}

function withoutUser(url: URL): URL {
  if (url.username === '' && url.password === '') return url;
  const plain = new URL(url);
  plain.username = '';
  plain.password = '';
  return plain;
}

function nextUrl(from: URL, location: string, subject: Subject): URL {
  let url: URL;
  try {
    url = new URL(urlText(location), from);
  } catch (cause) {
    throw redirectError(subject, 'it redirects to something that is no URL', 'E_REGISTRY_PROTOCOL', cause);
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    throw redirectError(subject, 'it redirects to another protocol');
  if (from.protocol === 'https:' && url.protocol === 'http:') {
    throw redirectError(subject, `it redirects from https to http (${url.host})`);
  }
  url.hash = '';
  return withoutUser(url);
}

function redirectError(
  subject: Subject,
  text: string,
  code: 'E_UNSAFE' | 'E_REGISTRY_PROTOCOL' = 'E_UNSAFE',
  cause?: unknown,
): CtxsrcError {
  return new CtxsrcError(code, `cannot get ${subject.what} from ${subject.host}: ${text}`, {
    cause,
    hint: 'tell the operator of the server; no request was sent there',
    details: { host: subject.host },
  });
}
