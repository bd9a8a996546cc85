/** Requests to one registry's API, with the right scheme and credential and the right errors. */
import type { JobContext } from '../contract/session.ts';
import type { NetworkOptions } from '../contract/source.ts';
import type { CtxsrcError } from '../core/errors.ts';
import { OPEN, type Zone } from '../http/addresses.ts';
import { readStart } from '../http/body.ts';
import type { HttpAnswer, HttpClient, HttpRequest, HttpResponse } from '../http/client.ts';
import type { Clock } from '../http/clock.ts';
import { answerError, type Subject } from '../http/errors.ts';
import { Authorizer, type AuthResponse } from './auth/authorizer.ts';
import type { Endpoint } from './mirrors.ts';
import { type Scheme, Schemes } from './scheme.ts';

export interface ApiRequest {
  readonly method: 'GET' | 'HEAD';
  /** The path below the repository, for instance `manifests/latest`. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly subject: Subject;
  /** The body may have any size and is streamed. */
  readonly stream?: boolean | undefined;
  /** Number of retries, if lower than the option. */
  readonly retries?: number | undefined;
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
    return this.#send(
      job,
      endpoint,
      request,
      (one) => this.#http.request(job, one),
      (answer) => answer.discard(),
    );
  }

  /**
   * The response of status 200 with its body; another status is an error. Errors: as `open`, E_LIMIT over `maxBytes`.
   */
  async fetch(job: JobContext, endpoint: Endpoint, request: ApiRequest, maxBytes: number): Promise<HttpAnswer> {
    const answer = await this.#send(
      job,
      endpoint,
      request,
      (one) => this.#http.fetch(job, one, maxBytes),
      () => undefined,
    );
    if (answer.status === 200) return answer;
    throw await this.#refusal(
      job,
      endpoint,
      request.subject,
      answer.status,
      Buffer.from(answer.bytes).toString('utf8'),
    );
  }

  /** The error for an unexpected status of a response of `open`. */
  async refusal(job: JobContext, endpoint: Endpoint, subject: Subject, answer: HttpResponse): Promise<CtxsrcError> {
    return this.#refusal(job, endpoint, subject, answer.status, await readStart(answer));
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
    discard: (answer: T) => void,
  ): Promise<T> {
    const authorizer = this.#authorizerOf(endpoint);
    // If a mirror fails, the registry itself is asked next.
    const retries = endpoint.mirror ? 1 : undefined;
    const answer = await authorizer.run(
      job,
      endpoint.repository,
      request.subject,
      (secretHeaders) =>
        this.#schemes.run(endpoint.api, (scheme, settled) =>
          send({
            method: request.method,
            url: urlOf(scheme, endpoint, request.path),
            headers: { 'accept-encoding': 'identity', ...request.headers },
            secretHeaders,
            subject: request.subject,
            stream: request.stream,
            secrets: authorizer.secrets,
            connectOnce: !settled,
            retries: request.retries ?? retries,
          }),
        ),
      discard,
    );
    if (answer.url.host === endpoint.api) this.#zones.set(endpoint.host, answer.zone);
    return answer;
  }

  async #refusal(
    job: JobContext,
    endpoint: Endpoint,
    subject: Subject,
    status: number,
    text: string,
  ): Promise<CtxsrcError> {
    const authorizer = this.#authorizerOf(endpoint);
    const error = answerError(subject, { status, text, secrets: authorizer.secrets });
    return status === 401 || status === 403 ? authorizer.denied(job, endpoint.repository, error) : error;
  }

  #authorizerOf(endpoint: Endpoint): Authorizer {
    let authorizer = this.#authorizers.get(endpoint.host);
    if (authorizer === undefined) {
      const { host, api } = endpoint;
      authorizer = new Authorizer({ host, api, http: this.#http, clock: this.#clock });
      this.#authorizers.set(host, authorizer);
    }
    return authorizer;
  }
}

function urlOf(scheme: Scheme, { api, repository, namespace }: Endpoint, path: string): URL {
  const url = new URL(`${scheme}://${api}/v2/${repository === '' ? '' : `${repository}/`}${path}`);
  if (namespace !== undefined) url.searchParams.set('ns', namespace);
  return url;
}
