/**
 * Answers a registry's challenges. One authorizer serves one server. It sends no credential before a challenge,
 * reuses the first challenge for later requests, and gives what belongs to this server to no other.
 */
import type { Credential, JobContext } from '../../contract/session.ts';
import { CtxsrcError, isAbort, isCtxsrcError } from '../../core/errors.ts';
import { getOrMake } from '../../core/get-or-make.ts';
import { orAbort } from '../../core/once.ts';
import type { HttpClient, HttpResponse } from '../../http/client.ts';
import type { Clock } from '../../http/clock.ts';
import { foreignText, loginHint, type RequestSubject } from '../../http/errors.ts';
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

/** The scopes of a token for a repository. */
export type ScopesOf = (repository: string) => readonly string[];

export type Authorizer = ReturnType<typeof createAuthorizer>;

/**
 * @param options.scopes what tokens are asked for, whatever the challenge says; by default pulling, or what it says
 * @param options.host the registry's name, under which credentials are stored
 * @param options.api `host[:port]` of the registry's server; challenges of other servers, after a redirect, are not
 * answered
 */
export function createAuthorizer(options: {
  readonly host: string;
  readonly api: string;
  readonly http: HttpClient;
  readonly clock: Clock;
  readonly scopes?: ScopesOf | undefined;
}) {
  const { host, api, http, clock } = options;
  /** The last challenge of the server, by repository. */
  const known = new Map<string, Received>();
  /** The last challenge of any repository, without its scope: used for the next repository without a challenge. */
  let usual: Received | undefined;
  const tokens = new Map<string, Promise<Token>>();
  const credentials = new Map<string, Promise<Credential | undefined>>();
  /** Why there was no credential, by repository: reported if the anonymous request is refused. */
  const failures = new Map<string, CtxsrcError>();
  const toldFailures = new Set<string>();
  /** Texts that no message about this server may contain. */
  const secrets = new Set<string>();

  /**
   * Runs a request, and repeats it after a challenge.
   * @param repository the repository to pull from; empty for the registry as a whole
   * @param send sends the request with the given secret headers
   * @returns the last response; status 401 means that every credential was tried
   */
  async function run<T extends AuthResponse>(
    job: JobContext,
    repository: string,
    subject: RequestSubject,
    send: (secretHeaders: Readonly<Record<string, string>>) => Promise<T>,
  ): Promise<T> {
    const first = await headersFor(job, repository, subject, false);
    let answer = await send(first);
    // The second challenge asks for a new token instead of an expired one, or for another scope.
    // A fresh token for a scope that is settled is refused for good: another one would be, too.
    const most = options.scopes === undefined ? 2 : 1;
    for (let challenges = 0; challenges < most && answer.status === 401 && answer.url.host === api; challenges += 1) {
      const offered = parseChallenges(headerValues(answer.headers, 'www-authenticate'));
      const challenge = offered.find((one) => one.kind === 'bearer') ?? offered.find((one) => one.kind === 'basic');
      if (challenge === undefined) return answer;
      learn(repository, { challenge, from: { url: answer.url, zone: answer.zone } });
      const next = await headersFor(job, repository, subject, challenges > 0 || 'authorization' in first);
      if (next.authorization === undefined || (challenges > 0 && challenge.kind === 'basic')) return answer;
      answer.discard?.();
      answer = await send(next);
    }
    if (answer.status !== 401 && answer.status !== 403) tellFailure(job, repository);
    return answer;
  }

  /** Reports that an anonymous request succeeded although a credential should have been available. */
  function tellFailure(job: JobContext, repository: string): void {
    const failure = failures.get(repository);
    if (failure === undefined || toldFailures.has(failure.message)) return;
    toldFailures.add(failure.message);
    const text = `${foreignText(failure.message)}; going on without a credential`;
    job.progress.emit({ type: 'message', level: 'note', text, hint: failure.hint });
  }

  /** True if requests for a repository (empty: the registry as a whole) carry a credential. */
  async function presented(job: JobContext, repository: string): Promise<boolean> {
    return known.has(repository) && (await credentialFor(job, repository)) !== undefined;
  }

  /** The error for a final response of 401 or 403: names the credential that was refused, or why there was none. */
  async function denied(job: JobContext, repository: string, error: CtxsrcError): Promise<CtxsrcError> {
    if (known.size === 0) {
      return error.with({
        message: `${error.message}; it asked for no credential`,
        hint: `a login would change nothing: ask the operator of ${host} whether it takes requests from here`,
      });
    }
    const failure = failures.get(repository);
    if (failure !== undefined) {
      return failure.with({
        message: `${error.message}; ${failure.message}`,
        details: { ...error.details, ...failure.details },
      });
    }
    const credential = await credentialFor(job, repository);
    const from = credential === undefined ? 'no credential was found' : `with the credential from ${credential.origin}`;
    return error.with({
      message: `${error.message}; ${from}`,
      hint:
        credential === undefined
          ? loginHint(host)
          : `it may be expired or lack the right: log in anew with \`docker login ${host}\`, or look at ctxsrc auth ${host}`,
    });
  }

  function learn(repository: string, received: Received): void {
    known.set(repository, received);
    const { kind, parameters } = received.challenge;
    const { scope: _scope, ...others } = parameters;
    usual = { challenge: { kind, parameters: others }, from: received.from };
  }

  async function headersFor(
    job: JobContext,
    repository: string,
    subject: RequestSubject,
    renew: boolean,
  ): Promise<Readonly<Record<string, string>>> {
    const received = known.get(repository) ?? usual;
    if (received === undefined) return {};
    const { challenge, from } = received;
    const credential = await credentialFor(job, repository);
    if (challenge.kind === 'basic') {
      return credential?.kind === 'basic' ? { authorization: basicAuthorization(credential) } : {};
    }
    // A token that the user provided is sent as it is; there is no server that could renew it.
    if (credential?.kind === 'bearer') return renew ? {} : { authorization: `Bearer ${credential.token}` };
    const scope = repository === '' ? undefined : `repository:${repository}:pull`;
    const scopes = repository === '' ? undefined : options.scopes?.(repository);
    const asked = tokenRequest(challenge, from, scope, host);
    const wanted = scopes === undefined ? asked : { ...asked, scopes };
    const token = await tokenFor(job, wanted, credential, subject, repository, renew);
    return { authorization: `Bearer ${token.value}` };
  }

  async function tokenFor(
    job: JobContext,
    wanted: TokenRequest,
    credential: Credential | undefined,
    subject: RequestSubject,
    repository: string,
    renew: boolean,
  ): Promise<Token> {
    const key = JSON.stringify([wanted.realm.href, wanted.service, wanted.scopes]);
    const kept = tokens.get(key);
    if (kept !== undefined && !renew) {
      const token = await shared(job, kept);
      if (token !== undefined && token.expires > clock.now()) return token;
    }
    // Another caller may have fetched a token while this one waited.
    const current = tokens.get(key);
    if (current !== undefined && current !== kept) {
      const token = await shared(job, current);
      if (token !== undefined) return token;
    }
    const asking = fetchToken(job, http, clock, wanted, credential, subject);
    tokens.set(key, asking);
    try {
      const token = await asking;
      secrets.add(token.value);
      return token;
    } catch (error) {
      if (tokens.get(key) === asking) tokens.delete(key);
      if (isCtxsrcError(error, 'E_UNAUTHORIZED') || isCtxsrcError(error, 'E_FORBIDDEN')) {
        throw await denied(job, repository, error);
      }
      throw error;
    }
  }

  function credentialFor(job: JobContext, repository: string): Promise<Credential | undefined> {
    // A helper may take half a minute.
    return orAbort(
      getOrMake(credentials, repository, () => lookUp(job, repository)),
      job.signal,
    );
  }

  async function lookUp(job: JobContext, repository: string): Promise<Credential | undefined> {
    try {
      const credential = await job.session.credentials(host, repository === '' ? undefined : repository);
      for (const secret of credentialSecrets(credential)) secrets.add(secret);
      const chosen = credential === undefined ? 'none' : `${credential.kind} from ${credential.origin}`;
      const text = `credential for ${[host, repository].filter(Boolean).join('/')}: ${chosen}`;
      job.progress.emit({ type: 'message', level: 'debug', text });
      return credential;
    } catch (error) {
      if (!isCtxsrcError(error, 'E_CREDENTIALS')) throw error;
      // The image may be public: continue without a credential, and report the failure only if that is refused.
      failures.set(repository, error);
      return undefined;
    }
  }

  return { secrets: secrets as Iterable<string>, run, presented, denied };
}

/** The token that another job requested; undefined if only that job was aborted. */
async function shared(job: JobContext, asking: Promise<Token>): Promise<Token | undefined> {
  try {
    return await asking;
  } catch (error) {
    if (error instanceof CtxsrcError && !isAbort(error)) throw error;
    job.signal.throwIfAborted();
    return undefined;
  }
}
