/**
 * Answers a registry's challenges. One `Authorizer` serves one server: nothing is sent unasked, what was learnt from the
 * first challenge is used for the requests after it, and what belongs to this server is given to no other.
 */
import type { Credential, JobContext } from '../../contract/session.ts';
import { CtxsrcError, isAbort, isCtxsrcError } from '../../core/errors.ts';
import type { Zone } from '../../http/addresses.ts';
import type { HttpClient } from '../../http/client.ts';
import type { Clock } from '../../http/clock.ts';
import { foreignText, loginHint, type Subject } from '../../http/errors.ts';
import { headerValues, type ResponseHeaders } from '../../http/headers.ts';
import { type Challenge, parseChallenges } from './challenge.ts';
import {
  basicAuthorization,
  credentialSecrets,
  fetchToken,
  type Token,
  type TokenRequest,
  tokenRequest,
} from './token.ts';

/** What the authorizer looks at in an answer. */
export interface Answer {
  readonly status: number;
  readonly headers: ResponseHeaders;
  readonly url: URL;
  readonly zone: Zone;
}

interface Received {
  readonly challenge: Challenge;
  /** Where it came from. */
  readonly from: { readonly url: URL; readonly zone: Zone };
}

export interface AuthorizerOptions {
  /** The registry's name as credentials are stored under it. */
  readonly host: string;
  /** `host[:port]` of its server: challenges of others, behind a redirect, are not answered. */
  readonly api: string;
  readonly http: HttpClient;
  readonly clock: Clock;
}

export class Authorizer {
  readonly #options: AuthorizerOptions;
  /** How the server wants to be spoken to, by repository: the last challenge it gave. */
  readonly #known = new Map<string, Received>();
  /** The last bearer challenge of any repository, without its scope: the next repository need not ask to be told. */
  #usual: Received | undefined;
  readonly #tokens = new Map<string, Promise<Token>>();
  readonly #credentials = new Map<string, Promise<Credential | undefined>>();
  /** Why no credential could be had, by repository: told when going on without one is refused. */
  readonly #failures = new Map<string, CtxsrcError>();
  readonly #toldFailures = new Set<string>();
  readonly #secrets = new Set<string>();

  constructor(options: AuthorizerOptions) {
    this.#options = options;
  }

  /** What no message about this server may hold. */
  get secrets(): Iterable<string> {
    return this.#secrets;
  }

  /**
   * Runs a request, once more after a challenge.
   * @param repository what is to be pulled from; empty for the registry as a whole
   * @param send sends the request with the given secret headers
   * @returns the last answer; a 401 means that everything there was has been tried
   */
  async run<T extends Answer>(
    job: JobContext,
    repository: string,
    subject: Subject,
    send: (secretHeaders: Readonly<Record<string, string>>) => Promise<T>,
    discard: (answer: T) => void,
  ): Promise<T> {
    const first = await this.#headers(job, repository, subject, false);
    let answer = await send(first);
    // The second challenge replaces a token that the server no longer takes, or asks for another scope.
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
      discard(answer);
      answer = await send(next);
    }
    if (answer.status !== 401 && answer.status !== 403) this.#tellFailure(job, repository);
    return answer;
  }

  /** What was got without the credential that should have been there is got, but not in silence. */
  #tellFailure(job: JobContext, repository: string): void {
    const failure = this.#failures.get(repository);
    if (failure === undefined || this.#toldFailures.has(failure.message)) return;
    this.#toldFailures.add(failure.message);
    const text = `${foreignText(failure.message)}; going on without a credential`;
    job.progress.emit({ type: 'message', level: 'note', text, hint: failure.hint });
  }

  /** Whether a credential goes with requests for a repository (empty: the registry as a whole). */
  async presented(job: JobContext, repository: string): Promise<boolean> {
    return this.#known.has(repository) && (await this.#credential(job, repository)) !== undefined;
  }

  /** The error for an answer of 401 or 403 after all: names the credential that was refused, or why there was none. */
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
    // A token that the user brought is shown as it is; there is nobody to ask for another.
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
    // Whoever came first while this one waited has asked already.
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

  /** The token another job asked for; undefined when only that job was aborted. */
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
    let found = this.#credentials.get(repository);
    if (found === undefined) {
      found = this.#lookUp(job, repository);
      this.#credentials.set(repository, found);
    }
    return found;
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
      // The image may be public: go on without, and tell only then why there was none.
      this.#failures.set(repository, error);
      return undefined;
    }
  }
}
