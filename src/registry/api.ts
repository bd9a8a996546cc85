/** Requests to one registry's API: the right scheme, the right credential, the right error. */
import type { JobContext } from '../contract/session.ts';
import type { NetworkOptions } from '../contract/source.ts';
import type { CtxsrcError } from '../core/errors.ts';
import { OPEN, type Zone } from '../http/addresses.ts';
import { readStart } from '../http/body.ts';
import type { HttpAnswer, HttpClient, HttpRequest, HttpResponse } from '../http/client.ts';
import type { Clock } from '../http/clock.ts';
import { answerError, type Subject } from '../http/errors.ts';
import { type Answer, Authorizer } from './auth/authorizer.ts';
import type { Endpoint } from './mirrors.ts';
import { type Scheme, Schemes } from './scheme.ts';

export interface ApiRequest {
  readonly method: 'GET' | 'HEAD';
  /** Below the repository, for instance `manifests/latest`. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly subject: Subject;
  /** The body may be of any size. */
  readonly stream?: boolean | undefined;
  /** Repeats, when fewer than the options say. */
  readonly retries?: number | undefined;
}

const ERROR_BODY = 64 * 1024;

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

  /** The head of the answer, whatever its status; errors as `HttpClient.request`, and those of asking for a token. */
  open(job: JobContext, endpoint: Endpoint, request: ApiRequest): Promise<HttpResponse> {
    return this.#send(
      job,
      endpoint,
      request,
      (one) => this.#http.request(job, one),
      (answer) => answer.discard(),
    );
  }

  /** The answer with its body, when its status is 200; errors as `open`, and by status. More than `maxBytes` is E_LIMIT. */
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

  /** The error for an answer of `open` with another status than hoped for. */
  async refusal(job: JobContext, endpoint: Endpoint, subject: Subject, answer: HttpResponse): Promise<CtxsrcError> {
    return this.#refusal(job, endpoint, subject, answer.status, await readStart(answer, ERROR_BODY));
  }

  /** What a registry that has answered may name. */
  zoneOf(host: string): Zone {
    return this.#zones.get(host) ?? OPEN;
  }

  /** Whether requests for the repository carry a credential. */
  authenticated(job: JobContext, endpoint: Endpoint): Promise<boolean> {
    return this.#authorizerOf(endpoint).presented(job, endpoint.repository);
  }

  async #send<T extends Answer>(
    job: JobContext,
    endpoint: Endpoint,
    request: ApiRequest,
    send: (request: HttpRequest) => Promise<T>,
    discard: (answer: T) => void,
  ): Promise<T> {
    const authorizer = this.#authorizerOf(endpoint);
    // A mirror that is in trouble has the registry behind it.
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
