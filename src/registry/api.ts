/** Requests to one registry's API, with the right scheme and credential and the right errors. */
import type { JobContext } from '../contract/session.ts';
import type { NetworkOptions } from '../contract/source.ts';
import type { CtxsrcError } from '../core/errors.ts';
import { getOrMake } from '../core/get-or-make.ts';
import { OPEN, type Zone } from '../http/addresses.ts';
import { readStart } from '../http/body.ts';
import type { HttpAnswer, HttpClient, HttpRequest, HttpResponse } from '../http/client.ts';
import type { Clock } from '../http/clock.ts';
import { answerError, type Subject } from '../http/errors.ts';
import { Authorizer, type AuthResponse } from './auth/authorizer.ts';
import type { Endpoint } from './mirrors.ts';
import { type Scheme, Schemes } from './scheme.ts';

export interface ApiRequest extends Pick<HttpRequest, 'method' | 'headers' | 'subject' | 'stream' | 'retries'> {
  /** The path below the repository, for instance `manifests/latest`. */
  readonly path: string;
}

export class Api {
  readonly #http: HttpClient;
  readonly #clock: Clock;
  readonly #schemes: Schemes;
  readonly #authorizers = new Map<string, Authorizer>();
  readonly #zones = new Map<string, Zone>();

  constructor(http: HttpClient, network: NetworkOptions, clock: Clock) {
    this.#http = http;
    this.#clock = clock;
    this.#schemes = new Schemes(network);
  }

  /** The head of the response, whatever its status. Errors: those of `HttpClient.request` and of the token. */
  open(job: JobContext, endpoint: Endpoint, request: ApiRequest): Promise<HttpResponse> {
    return this.#send(job, endpoint, request, (one) => this.#http.request(job, one));
  }

  /**
   * The response of status 200 with its body; another status is an error. Errors: as `open`, E_LIMIT over `maxBytes`.
   */
  async fetch(job: JobContext, endpoint: Endpoint, request: ApiRequest, maxBytes: number): Promise<HttpAnswer> {
    const answer = await this.#send(job, endpoint, request, (one) => this.#http.fetch(job, one, maxBytes));
    if (answer.status === 200) return answer;
    throw await this.refusal(job, endpoint, request.subject, answer);
  }

  /** The error for an unexpected status. */
  async refusal(
    job: JobContext,
    endpoint: Endpoint,
    subject: Subject,
    answer: HttpResponse | HttpAnswer,
  ): Promise<CtxsrcError> {
    const { status } = answer;
    const text = 'bytes' in answer ? Buffer.from(answer.bytes).toString() : await readStart(answer);
    const authorizer = this.#authorizerOf(endpoint);
    const error = answerError(subject, { status, text, secrets: authorizer.secrets });
    return status === 401 || status === 403 ? authorizer.denied(job, endpoint.repository, error) : error;
  }

  /** The zone of a registry: which addresses it may name. */
  zoneOf(host: string): Zone {
    return this.#zones.get(host) ?? OPEN;
  }

  /** True if requests for the repository carry a credential. */
  authenticated(job: JobContext, endpoint: Endpoint): Promise<boolean> {
    return this.#authorizerOf(endpoint).presented(job, endpoint.repository);
  }

  async #send<T extends AuthResponse>(
    job: JobContext,
    endpoint: Endpoint,
    request: ApiRequest,
    send: (request: HttpRequest) => Promise<T>,
  ): Promise<T> {
    const authorizer = this.#authorizerOf(endpoint);
    // If a mirror fails, the registry itself is asked next.
    const retries = endpoint.mirror ? 1 : undefined;
    const answer = await authorizer.run(job, endpoint.repository, request.subject, (secretHeaders) =>
      this.#schemes.run(endpoint.api, (scheme, settled) =>
        send({
          ...request,
          url: urlOf(scheme, endpoint, request.path),
          headers: { 'accept-encoding': 'identity', ...request.headers },
          secretHeaders,
          secrets: authorizer.secrets,
          connectOnce: !settled,
          retries: request.retries ?? retries,
        }),
      ),
    );
    if (answer.url.host === endpoint.api) this.#zones.set(endpoint.host, answer.zone);
    return answer;
  }

  #authorizerOf({ host, api }: Endpoint): Authorizer {
    const make = () => new Authorizer({ host, api, http: this.#http, clock: this.#clock });
    return getOrMake(this.#authorizers, host, make);
  }
}

function urlOf(scheme: Scheme, { api, repository, namespace }: Endpoint, path: string): URL {
  const url = new URL(`${scheme}://${api}/v2/${repository === '' ? '' : `${repository}/`}${path}`);
  if (namespace !== undefined) url.searchParams.set('ns', namespace);
  return url;
}
