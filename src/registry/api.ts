/** Requests to one registry's API, with the right scheme and credential and the right errors. */
import type { JobContext } from '../contract/session.ts';
import type { NetworkOptions } from '../contract/source.ts';
import type { CtxsrcError } from '../core/errors.ts';
import { getOrMake } from '../core/get-or-make.ts';
import { OPEN, type Zone } from '../http/addresses.ts';
import { readStart } from '../http/body.ts';
import type { HttpAnswer, HttpClient, HttpRequest, HttpResponse } from '../http/client.ts';
import type { Clock } from '../http/clock.ts';
import { answerError, type RequestSubject } from '../http/errors.ts';
import { type Authorizer, type AuthResponse, createAuthorizer, type ScopesOf } from './auth/authorizer.ts';
import type { Endpoint } from './mirrors.ts';
import { type Scheme, schemesOf } from './scheme.ts';

export interface ApiRequest
  extends Pick<HttpRequest, 'method' | 'headers' | 'subject' | 'stream' | 'retries' | 'body'> {
  /** The path below the repository, for instance `manifests/latest`. */
  readonly path: string;
  /** The URL that the registry named for this request, instead of the path. Another host gets no credential. */
  readonly at?: URL | undefined;
  /** Try it once: a failure that may pass is thrown as `TransientError`. */
  readonly once?: boolean | undefined;
}

export type Api = ReturnType<typeof createApi>;

/** @param scopes what tokens for a repository are asked for; default: what the registry's challenge says */
export function createApi(http: HttpClient, network: NetworkOptions, clock: Clock, scopes?: ScopesOf) {
  const withScheme = schemesOf(network);
  const authorizers = new Map<string, Authorizer>();
  const zones = new Map<string, Zone>();
  const authorizerOf = ({ host, api }: Endpoint): Authorizer =>
    getOrMake(authorizers, host, () => createAuthorizer({ host, api, http, clock, scopes }));

  async function send<T extends AuthResponse>(
    job: JobContext,
    endpoint: Endpoint,
    request: ApiRequest,
    sendOne: (request: HttpRequest) => Promise<T>,
  ): Promise<T> {
    const authorizer = authorizerOf(endpoint);
    const { at } = request;
    if (at !== undefined && at.host !== new URL(`${at.protocol}//${endpoint.api}`).host) {
      const headers = { 'accept-encoding': 'identity', ...request.headers };
      const namedBy = zones.get(endpoint.host) ?? OPEN;
      return sendOne({ ...request, url: at, headers, namedBy, identify: false });
    }
    // If a mirror fails, the registry itself is asked next.
    const retries = endpoint.mirror ? 1 : undefined;
    const answer = await authorizer.run(job, endpoint.repository, request.subject, (secretHeaders) =>
      withScheme(endpoint.api, (scheme, settled) =>
        sendOne({
          ...request,
          url: at ?? urlOf(scheme, endpoint, request.path),
          headers: { 'accept-encoding': 'identity', ...request.headers },
          secretHeaders,
          secrets: authorizer.secrets,
          connectOnce: !settled,
          retries: request.retries ?? retries,
        }),
      ),
    );
    if (answer.url.host === endpoint.api) zones.set(endpoint.host, answer.zone);
    return answer;
  }

  /** The error for an unexpected status. */
  async function refusal(
    job: JobContext,
    endpoint: Endpoint,
    subject: RequestSubject,
    answer: HttpResponse | HttpAnswer,
  ): Promise<CtxsrcError> {
    const { status } = answer;
    const text = 'bytes' in answer ? Buffer.from(answer.bytes).toString() : await readStart(answer);
    const authorizer = authorizerOf(endpoint);
    const error = answerError(subject, { status, text, secrets: authorizer.secrets });
    return status === 401 || status === 403 ? authorizer.denied(job, endpoint.repository, error) : error;
  }

  return {
    refusal,

    /** The head of the response, whatever its status. Errors: those of `HttpClient.request` and of the token. */
    open: (job: JobContext, endpoint: Endpoint, request: ApiRequest): Promise<HttpResponse> =>
      send(job, endpoint, request, (one) => (request.once === true ? http.attempt(job, one) : http.request(job, one))),

    /**
     * The response of status 200 with its body; another status is an error. Errors: as `open`, E_LIMIT over `maxBytes`.
     */
    async fetch(job: JobContext, endpoint: Endpoint, request: ApiRequest, maxBytes: number): Promise<HttpAnswer> {
      const answer = await send(job, endpoint, request, (one) => http.fetch(job, one, maxBytes));
      if (answer.status === 200) return answer;
      throw await refusal(job, endpoint, request.subject, answer);
    },

    /** The zone of a registry: which addresses it may name. */
    zoneOf: (host: string): Zone => zones.get(host) ?? OPEN,

    /** True if requests for the repository carry a credential. */
    authenticated: (job: JobContext, endpoint: Endpoint): Promise<boolean> =>
      authorizerOf(endpoint).presented(job, endpoint.repository),
  };
}

function urlOf(scheme: Scheme, { api, repository, namespace }: Endpoint, path: string): URL {
  const url = new URL(`${scheme}://${api}/v2/${repository === '' ? '' : `${repository}/`}${path}`);
  if (namespace !== undefined) url.searchParams.set('ns', namespace);
  return url;
}
