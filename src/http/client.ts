/**
 * HTTP for everything that fetches: checks each redirect, retries transient failures, recognises rate limits, and emits
 * an event for each request. Credentials come from the caller; they are sent to the origin they were given for and
 * nowhere else.
 */

import { setMaxListeners } from 'node:events';
import type { JobContext } from '../contract/session.ts';
import type { NetworkOptions } from '../contract/source.ts';
import { CtxsrcError } from '../core/errors.ts';
import type { Variables } from '../core/home.ts';
import { monotonicMs } from '../core/monotonic.ts';
import type { Zone } from './addresses.ts';
import { guarded, readAll, readStart } from './body.ts';
import { type Clock, systemClock } from './clock.ts';
import { attemptOf, type RequestSubject } from './errors.ts';
import { connectionError } from './failures.ts';
import { header, urlText, withUserAgent } from './headers.ts';
import { type NamedProxy, ProxyRefusal, proxyFor } from './proxy.ts';
import { type RetryPolicy, retry, TransientError } from './retry.ts';
import { busyError, isBusy } from './retry-after.ts';
import { createTransport } from './transport/choose.ts';
import type { Method, SentBody, TransportResponse } from './transport/transport.ts';

export interface HttpRequest {
  readonly method: Method;
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Headers with secrets: sent only to the origin of `url`, dropped at a redirect to any other. */
  readonly secretHeaders?: Readonly<Record<string, string>> | undefined;
  /** Form data of a POST, which a redirect does not repeat; or what is uploaded. */
  readonly body?: string | SentBody | undefined;
  readonly subject: RequestSubject;
  /**
   * The zone of the server that named the URL, or `OPEN` if a file did; absent if the user did. The URL must lead to an
   * address that this zone may name (E_UNSAFE).
   */
  readonly namedBy?: Zone | undefined;
  /** False: do not use the client certificate. By default it is used for the origin of `url`. */
  readonly identify?: boolean | undefined;
  /** Texts that must not appear in a message, should the server echo them. */
  readonly secrets?: Iterable<string> | undefined;
  /** The body may have any size and is streamed. */
  readonly stream?: boolean | undefined;
  /** Do not retry a failed connection: the caller has an alternative. */
  readonly connectOnce?: boolean | undefined;
  /** Number of retries, if lower than the option. */
  readonly retries?: number | undefined;
}

export interface HttpResponse extends Omit<TransportResponse, 'forwarder'> {
  /** The URL of the response, after redirects. */
  readonly url: URL;
}

/** A response whose body was read. */
export interface HttpAnswer extends Omit<HttpResponse, 'body' | 'discard'> {
  readonly bytes: Uint8Array;
}

export type HttpClient = ReturnType<typeof createHttpClient>;

const MOST_REDIRECTS = 10;

/**
 * @param options.env names proxies and certificate files; default: the environment of the process
 * @param options.clock default: the system's clock
 */
export function createHttpClient(options: {
  readonly network: NetworkOptions;
  readonly env?: Variables | undefined;
  readonly clock?: Clock | undefined;
}) {
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
      // Also for the same host: its name may have another address by now.
      namedBy = response.zone;
      if (method !== 'GET' && method !== 'HEAD' && typeof body !== 'string') {
        if (response.status !== 307 && response.status !== 308) {
          throw redirectError(request.subject, 'it redirects an upload to something else', 'E_REGISTRY_PROTOCOL');
        }
      } else if (method === 'POST') {
        if (response.status === 307 || response.status === 308) {
          throw redirectError(request.subject, 'it redirects a request with credentials in it');
        }
        method = 'GET';
        body = undefined;
      }
    }
  }

  /** The proxy for a URL; an unusable setting is reported by the connection. */
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
    // A job can have many requests at once, each with a listener on its signal.
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
        const text = await readStart(response);
        throw new ProxyRefusal(forwarder, { status: response.status, headers: response.headers, text });
      }
      return { ...response, body: guarded(response.body, job.signal, subject) };
    } catch (error) {
      if (job.signal.aborted) throw job.signal.reason;
      const anonymous = url.protocol === 'https:' && network.clientCert === undefined;
      const ledTo = own ? undefined : url.host;
      const typed = connectionError(error, subject, { anonymous, proxy: usableProxy(url), ledTo });
      report(undefined, (typed instanceof TransientError ? typed.error : (typed as CtxsrcError)).code);
      throw typed;
    }
  }

  /** As `request`, but one attempt: a failure that may be transient is thrown as `TransientError`. */
  async function attempt(job: JobContext, request: HttpRequest): Promise<HttpResponse> {
    const response = await follow(job, request);
    if (!isBusy(response.status)) return response;
    const text = await readStart(response);
    const { subject, secrets = [] } = request;
    const { status, headers } = response;
    throw busyError(subject, { status, headers, text, secrets }, { now: clock.now(), maxWait: network.maxWait });
  }

  function repeat<T>(job: JobContext, request: HttpRequest, work: () => Promise<T>): Promise<T> {
    const own = { ...policy, retries: Math.min(policy.retries, request.retries ?? policy.retries) };
    return retry(own, job, request.connectOnce ? connectOnce(work) : work);
  }

  return {
    policy,
    attempt,

    /**
     * Sends a request, with retries, until the head of a response is there. Responses of all statuses are returned
     * except 408, 429 and 5xx, which are retried and finally thrown. Errors: E_NETWORK, E_STALLED, E_SERVER,
     * E_RATE_LIMIT, E_TLS, E_UNSAFE (redirect), E_REGISTRY_PROTOCOL.
     */
    request: (job: JobContext, request: HttpRequest) => repeat(job, request, () => attempt(job, request)),

    /** As `request`, with the body, which each attempt reads. More than `maxBytes` is E_LIMIT. */
    fetch: (job: JobContext, request: HttpRequest, maxBytes: number): Promise<HttpAnswer> =>
      repeat(job, request, async () => {
        const response = await attempt(job, request);
        const bytes = await readAll(response, maxBytes, request.subject);
        const { status, headers, url, zone } = response;
        return { status, headers, url, zone, bytes };
      }),
    close: () => transport.close(),
  };
}

/** True if a proxy responded in its own name: by status 407, or by a header that Squid or RFC 9209 defines. */
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

function nextUrl(from: URL, location: string, subject: RequestSubject): URL {
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
  subject: RequestSubject,
  text: string,
  code: 'E_UNSAFE' | 'E_REGISTRY_PROTOCOL' = 'E_UNSAFE',
  cause?: unknown,
): CtxsrcError {
  return new CtxsrcError(code, `cannot ${attemptOf(subject)}: ${text}`, {
    cause,
    hint: 'tell the operator of the server; no request was sent there',
    details: { host: subject.host },
  });
}
