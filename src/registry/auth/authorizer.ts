/**
 * Answers a registry's challenges. One `Authorizer` serves one server. It sends no credential before a challenge,
 * reuses the first challenge for later requests, and gives what belongs to this server to no other.
 */
import type { Credential, JobContext } from '../../contract/session.ts';
import { CtxsrcError, isAbort, isCtxsrcError } from '../../core/errors.ts';
import { getOrMake } from '../../core/get-or-make.ts';
import type { HttpClient, HttpResponse } from '../../http/client.ts';
import type { Clock } from '../../http/clock.ts';
import { foreignText, loginHint, type Subject } from '../../http/errors.ts';
import { headerValues } from '../../http/headers.ts';
import { type Challenge, parseChallenges } from './challenge.ts';
import {
  basicAuthorization,
  credentialSecrets,
  fetchToken,
  type Token,
  type TokenRequest,
  tokenRequest,
} from './token.ts';

/** The members of a response that the authorizer uses. */
export type AuthResponse = Pick<HttpResponse, 'status' | 'headers' | 'url' | 'zone'> & Partial<HttpResponse>;

interface Received {
  readonly challenge: Challenge;
  readonly from: Pick<HttpResponse, 'url' | 'zone'>;
}

export interface AuthorizerOptions {
  /** The registry's name, under which credentials are stored. */
  readonly host: string;
  /** `host[:port]` of the registry's server. Challenges of other servers, after a redirect, are not answered. */
  readonly api: string;
  readonly http: HttpClient;
  readonly clock: Clock;
}

export class Authorizer {
  readonly #options: AuthorizerOptions;
  /** The last challenge of the server, by repository. */
  readonly #known = new Map<string, Received>();
  /**
   * The last bearer challenge of any repository, without its scope: used for the next repository without a challenge.
   */
  #usual: Received | undefined;
  readonly #tokens = new Map<string, Promise<Token>>();
  readonly #credentials = new Map<string, Promise<Credential | undefined>>();
  /** Why there was no credential, by repository: reported if the anonymous request is refused. */
  readonly #failures = new Map<string, CtxsrcError>();
  readonly #toldFailures = new Set<string>();
  readonly #secrets = new Set<string>();

  constructor(options: AuthorizerOptions) {
    this.#options = options;
  }

  /** Texts that no message about this server may contain. */
  get secrets(): Iterable<string> {
    return this.#secrets;
  }

  /**
   * Runs a request, and repeats it after a challenge.
   * @param repository the repository to pull from; empty for the registry as a whole
   * @param send sends the request with the given secret headers
   * @returns the last response; status 401 means that every credential was tried
   */
  async run<T extends AuthResponse>(
    job: JobContext,
    repository: string,
    subject: Subject,
    send: (secretHeaders: Readonly<Record<string, string>>) => Promise<T>,
  ): Promise<T> {
    const first = await this.#headers(job, repository, subject, false);
    let answer = await send(first);
    // The second challenge asks for a new token instead of an expired one, or for another scope.
    for (
      let challenges = 0;
      challenges < 2 && answer.status === 401 && answer.url.host === this.#options.api;
      challenges += 1
    ) {
      const offered = parseChallenges(headerValues(answer.headers, 'www-authenticate'));
      const challenge = offered.find((one) => one.kind === 'bearer') ?? offered.find((one) => one.kind === 'basic');
      if (challenge === undefined) return answer;
      this.#learn(repository, { challenge, from: { url: answer.url, zone: answer.zone } });
      const next = await this.#headers(job, repository, subject, challenges > 0 || 'authorization' in first);
      if (next.authorization === undefined || (challenges > 0 && challenge.kind === 'basic')) return answer;
      answer.discard?.();
      answer = await send(next);
    }
    if (answer.status !== 401 && answer.status !== 403) this.#tellFailure(job, repository);
    return answer;
  }

  /** Reports that an anonymous request succeeded although a credential should have been available. */
  #tellFailure(job: JobContext, repository: string): void {
    const failure = this.#failures.get(repository);
    if (failure === undefined || this.#toldFailures.has(failure.message)) return;
    this.#toldFailures.add(failure.message);
    const text = `${foreignText(failure.message)}; going on without a credential`;
    job.progress.emit({ type: 'message', level: 'note', text, hint: failure.hint });
  }

  /** True if requests for a repository (empty: the registry as a whole) carry a credential. */
  async presented(job: JobContext, repository: string): Promise<boolean> {
    return this.#known.has(repository) && (await this.#credential(job, repository)) !== undefined;
  }

  /** The error for a final response of 401 or 403: names the credential that was refused, or why there was none. */
  async denied(job: JobContext, repository: string, error: CtxsrcError): Promise<CtxsrcError> {
    const { host } = this.#options;
    if (this.#known.size === 0) {
      return error.with({
        message: `${error.message}; it asked for no credential`,
        hint: `a login would change nothing: ask the operator of ${host} whether it takes requests from here`,
      });
    }
    const failure = this.#failures.get(repository);
    if (failure !== undefined) {
      return failure.with({
        message: `${error.message}; ${failure.message}`,
        details: { ...error.details, ...failure.details },
      });
    }
    const credential = await this.#credential(job, repository);
    const from = credential === undefined ? 'no credential was found' : `with the credential from ${credential.origin}`;
    return error.with({
      message: `${error.message}; ${from}`,
      hint:
        credential === undefined
          ? loginHint(host)
          : `it may be expired or lack the right: log in anew with \`docker login ${host}\`, or look at ctxsrc auth ${host}`,
    });
  }

  #learn(repository: string, received: Received): void {
    this.#known.set(repository, received);
    const { kind, parameters } = received.challenge;
    const { scope: _scope, ...others } = parameters;
    this.#usual = { challenge: { kind, parameters: others }, from: received.from };
  }

  async #headers(
    job: JobContext,
    repository: string,
    subject: Subject,
    renew: boolean,
  ): Promise<Readonly<Record<string, string>>> {
    const received = this.#known.get(repository) ?? this.#usual;
    if (received === undefined) return {};
    const { challenge, from } = received;
    const credential = await this.#credential(job, repository);
    if (challenge.kind === 'basic') {
      return credential?.kind === 'basic' ? { authorization: basicAuthorization(credential) } : {};
    }
    // A token that the user provided is sent as it is; there is no server that could renew it.
    if (credential?.kind === 'bearer') return renew ? {} : { authorization: `Bearer ${credential.token}` };
    const wanted = tokenRequest(
      challenge,
      from,
      repository === '' ? undefined : `repository:${repository}:pull`,
      this.#options.host,
    );
    const token = await this.#token(job, wanted, credential, subject, repository, renew);
    return { authorization: `Bearer ${token.value}` };
  }

  async #token(
    job: JobContext,
    wanted: TokenRequest,
    credential: Credential | undefined,
    subject: Subject,
    repository: string,
    renew: boolean,
  ): Promise<Token> {
    const { http, clock } = this.#options;
    const key = JSON.stringify([wanted.realm.href, wanted.service, wanted.scopes]);
    const kept = this.#tokens.get(key);
    if (kept !== undefined && !renew) {
      const token = await this.#shared(job, kept);
      if (token !== undefined && token.expires > clock.now()) return token;
    }
    // Another caller may have fetched a token while this one waited.
    const current = this.#tokens.get(key);
    if (current !== undefined && current !== kept) {
      const token = await this.#shared(job, current);
      if (token !== undefined) return token;
    }
    const asking = fetchToken(job, http, clock, wanted, credential, subject);
    this.#tokens.set(key, asking);
    try {
      const token = await asking;
      this.#secrets.add(token.value);
      return token;
    } catch (error) {
      if (this.#tokens.get(key) === asking) this.#tokens.delete(key);
      if (error instanceof CtxsrcError && (error.code === 'E_UNAUTHORIZED' || error.code === 'E_FORBIDDEN')) {
        throw await this.denied(job, repository, error);
      }
      throw error;
    }
  }

  /** The token that another job requested; undefined if only that job was aborted. */
  async #shared(job: JobContext, asking: Promise<Token>): Promise<Token | undefined> {
    try {
      return await asking;
    } catch (error) {
      if (error instanceof CtxsrcError && !isAbort(error)) throw error;
      job.signal.throwIfAborted();
      return undefined;
    }
  }

  #credential(job: JobContext, repository: string): Promise<Credential | undefined> {
    return getOrMake(this.#credentials, repository, () => this.#lookUp(job, repository));
  }

  async #lookUp(job: JobContext, repository: string): Promise<Credential | undefined> {
    try {
      const credential = await job.session.credentials(this.#options.host, repository === '' ? undefined : repository);
      for (const secret of credentialSecrets(credential)) this.#secrets.add(secret);
      const chosen = credential === undefined ? 'none' : `${credential.kind} from ${credential.origin}`;
      const text = `credential for ${[this.#options.host, repository].filter(Boolean).join('/')}: ${chosen}`;
      job.progress.emit({ type: 'message', level: 'debug', text });
      return credential;
    } catch (error) {
      if (!isCtxsrcError(error, 'E_CREDENTIALS')) throw error;
      // The image may be public: continue without a credential, and report the failure only if that is refused.
      this.#failures.set(repository, error);
      return undefined;
    }
  }
}
