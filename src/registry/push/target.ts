/** One repository that is pushed to, and the requests that all uploads share. */
import type { JobContext } from '../../contract/session.ts';
import { type Digest, digestAlgorithm, isDigest } from '../../core/digest.ts';
import { CtxsrcError } from '../../core/errors.ts';
import type { HttpResponse } from '../../http/client.ts';
import { type RequestSubject, strangerHint } from '../../http/errors.ts';
import { header, urlText } from '../../http/headers.ts';
import { type RetryPolicy, retry, TransientError } from '../../http/retry.ts';
import type { Api, ApiRequest } from '../api.ts';
import type { Endpoint } from '../mirrors.ts';
import type { Pace } from './pace.ts';
import { refusalOf } from './refusal.ts';

export interface PushTarget {
  readonly api: Api;
  readonly endpoint: Endpoint;
  readonly policy: RetryPolicy;
  readonly pace: Pace;
  /** Another repository of the registry that may have the blobs, and the API with the right to read it. */
  readonly mounts: { readonly api: Api; readonly from: string } | undefined;
  /** Size of the parts that blobs are sent in, once the registry has refused a whole one. */
  chunk: number | undefined;
}

/**
 * Sends a request once.
 * @throws TransientError when another try may succeed
 */
export async function ask(
  job: JobContext,
  target: PushTarget,
  request: Omit<ApiRequest, 'once'>,
): Promise<HttpResponse> {
  const { api, endpoint, pace } = target;
  await pace.ready(job.signal);
  try {
    return await api.open(job, endpoint, { ...request, once: true });
  } catch (error) {
    if (!(error instanceof TransientError)) throw error;
    const { subject } = request;
    const final = refusalOf(error.error, { subject, repository: endpoint.repository });
    if (final.code === 'E_LIMIT') throw final;
    const status = error.error.details?.status;
    // Some fail with 500 when several uploads are under way.
    if (status === 429 || (typeof status === 'number' && status >= 500)) pace.suffer(error.retryAfter);
    throw error;
  }
}

/** As `ask`, for a request that can be repeated: within `--retry`. */
export function askPatiently(
  job: JobContext,
  target: PushTarget,
  request: Omit<ApiRequest, 'once'>,
): Promise<HttpResponse> {
  return retry(target.policy, job, () => ask(job, target, request));
}

/** The error for an answer that ends a push. */
export async function refuse(
  job: JobContext,
  { api, endpoint }: PushTarget,
  subject: RequestSubject,
  answer: Parameters<Api['refusal']>[3],
  tag?: string,
): Promise<CtxsrcError> {
  const error = await api.refusal(job, endpoint, subject, answer);
  return refusalOf(error, { subject, repository: endpoint.repository, tag });
}

/** Statuses by which registries accept an upload; the specification has 201 and 202 only. */
export function isAccepted(status: number): boolean {
  return status === 200 || status === 201 || status === 202 || status === 204;
}

/**
 * Checks the digest that the registry says it stored; many say none.
 * @throws E_DIGEST_MISMATCH
 */
export function checkStored(answer: HttpResponse, digest: Digest, subject: RequestSubject): void {
  const stored = header(answer.headers, 'docker-content-digest');
  if (stored === undefined || !isDigest(stored) || stored === digest) return;
  // Some name everything by sha256, whatever it was sent as.
  if (digestAlgorithm(stored) !== digestAlgorithm(digest)) return;
  throw new CtxsrcError('E_DIGEST_MISMATCH', `${subject.host} stored ${subject.what} as ${stored}`, {
    hint: 'the registry, or a proxy before it, changes content: push to it directly',
    details: { host: subject.host, expected: digest, found: stored },
  });
}

/**
 * Where the registry wants the next request of an upload, its query kept as it is.
 * @throws E_UNSAFE when it leads from https to http, E_REGISTRY_PROTOCOL when it is no URL
 */
export function nextLocation(answer: HttpResponse, subject: RequestSubject): URL | undefined {
  const location = header(answer.headers, 'location');
  if (location === undefined) return undefined;
  const text = urlText(location);
  const url = URL.canParse(text, answer.url.href) ? new URL(text, answer.url) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    const message = `${subject.host} wants ${subject.what} sent to something that is no URL`;
    throw new CtxsrcError('E_REGISTRY_PROTOCOL', message, { hint: strangerHint(subject.host) });
  }
  if (answer.url.protocol === 'https:' && url.protocol === 'http:') {
    const message = `${subject.host} wants ${subject.what} sent over an unprotected connection (http://${url.host})`;
    throw new CtxsrcError('E_UNSAFE', message, {
      hint: 'nothing was sent there; the proxy before the registry has to pass X-Forwarded-Proto on, or the registry has to know its own address',
    });
  }
  return url;
}

/** The same URL with the digest that ends an upload: the rest is the registry's own and stays as it is. */
export function withDigest(url: URL, digest: Digest): URL {
  const query = url.search === '' ? '' : `${url.search.slice(1)}&`;
  const ending = new URL(url);
  ending.search = `${query}digest=${encodeURIComponent(digest)}`;
  return ending;
}
