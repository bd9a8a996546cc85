/**
 * Bearer tokens (distribution-spec's companion "Token Authentication"): requested with GET, or with POST by OAuth2;
 * kept until they expire.
 */
import type { Credential, JobContext } from '../../contract/session.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { jsonObject } from '../../core/is-object.ts';
import type { Zone } from '../../http/addresses.ts';
import type { HttpAnswer, HttpClient, HttpRequest } from '../../http/client.ts';
import type { Clock } from '../../http/clock.ts';
import { answerError, type RequestSubject, strangerHint } from '../../http/errors.ts';
import { urlText } from '../../http/headers.ts';
import type { Challenge } from './challenge.ts';

export interface Token {
  readonly value: string;
  /** Milliseconds since the epoch. */
  readonly expires: number;
}

/** The server to ask for a token, and the parameters of the request. */
export interface TokenRequest {
  readonly realm: URL;
  /** Zone of the server that named the realm. */
  readonly namedBy: Zone;
  readonly service: string | undefined;
  readonly scopes: readonly string[];
}

/** Without a stated lifetime a token is valid for 60 seconds, as the specification says. */
const DEFAULT_LIFE = 60;
const LARGEST_TOKEN_ANSWER = 1024 * 1024;
const CLIENT_ID = 'ctxsrc';

/**
 * The token request that a bearer challenge asks for. Errors: E_REGISTRY_PROTOCOL when its realm is not a URL; E_UNSAFE
 * when a server reached by TLS wants credentials sent to another host without TLS.
 */
export function tokenRequest(
  challenge: Challenge,
  { url: from, zone }: Pick<HttpAnswer, 'url' | 'zone'>,
  wanted: string | undefined,
  host: string,
): TokenRequest {
  const { realm, service, scope } = challenge.parameters;
  let url: URL;
  try {
    url = new URL(urlText(realm ?? ''));
  } catch (cause) {
    const message = `${host} asks for a token without saying where to get one`;
    throw new CtxsrcError('E_REGISTRY_PROTOCOL', message, { hint: strangerHint(host), cause });
  }
  // Registries behind a TLS proxy write the URL that they know, with http: their own origin is meant.
  if (url.protocol === 'http:' && from.protocol === 'https:' && url.hostname === from.hostname) {
    url.protocol = 'https:';
    url.port = from.port;
  }
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && from.protocol === 'http:')) {
    const message = `${host} wants its token asked for over an unprotected connection (${url.host || url.protocol})`;
    throw new CtxsrcError('E_UNSAFE', message, { hint: 'tell the operator of the registry; nothing was sent there' });
  }
  const asked = (scope ?? '').split(/\s+/).filter((one) => one !== '');
  return {
    realm: url,
    namedBy: zone,
    service,
    scopes: [...new Set(asked.length === 0 && wanted !== undefined ? [wanted] : asked)].sort(),
  };
}

/**
 * Requests a token, an anonymous one if there is no credential, with retries. Errors: as `HttpClient`, E_UNAUTHORIZED,
 * E_FORBIDDEN.
 */
export async function fetchToken(
  job: JobContext,
  http: HttpClient,
  clock: Clock,
  request: TokenRequest,
  credential: Credential | undefined,
  subject: RequestSubject,
): Promise<Token> {
  const asked = clock.now();
  const about: RequestSubject = { host: subject.host, kind: 'token', what: `a token for ${subject.what}` };
  const secrets = credentialSecrets(credential);
  const send = (
    form: Pick<HttpRequest, 'method' | 'url' | 'headers' | 'secretHeaders' | 'body'>,
  ): Promise<HttpAnswer> =>
    http.fetch(job, { ...form, namedBy: request.namedBy, subject: about, secrets }, LARGEST_TOKEN_ANSWER);
  let answer: HttpAnswer;
  if (credential?.kind === 'identity-token') {
    answer = await send(post(request, { grant_type: 'refresh_token', refresh_token: credential.token }));
  } else {
    answer = await send(get(request, credential));
    // Some servers support only OAuth2.
    if (credential?.kind === 'basic' && (answer.status === 404 || answer.status === 405)) {
      const { username, password } = credential;
      answer = await send(post(request, { grant_type: 'password', username, password }));
    }
  }
  if (answer.status !== 200) {
    const text = Buffer.from(answer.bytes).toString('utf8');
    // A token server's refusal concerns the credential: OAuth2 uses status 400 where others use 401.
    const status = answer.status === 400 && credential !== undefined ? 401 : answer.status;
    throw answerError(about, { status, text, secrets });
  }
  return readToken(answer.bytes, asked, subject.host);
}

/** Texts of a credential that no message may contain. */
export function credentialSecrets(credential: Credential | undefined): readonly string[] {
  if (credential === undefined) return [];
  if (credential.kind !== 'basic') return [credential.token];
  const { username, password } = credential;
  return [password, Buffer.from(`${username}:${password}`).toString('base64')].filter((text) => text !== '');
}

/** The Authorization header of a user name with a password. */
export function basicAuthorization(credential: { readonly username: string; readonly password: string }): string {
  return `Basic ${Buffer.from(`${credential.username}:${credential.password}`).toString('base64')}`;
}

function get(
  request: TokenRequest,
  credential: Credential | undefined,
): Pick<HttpRequest, 'method' | 'url' | 'secretHeaders'> {
  const url = new URL(request.realm);
  if (request.service !== undefined) url.searchParams.set('service', request.service);
  for (const scope of request.scopes) url.searchParams.append('scope', scope);
  if (credential?.kind !== 'basic') return { method: 'GET', url };
  url.searchParams.set('account', credential.username);
  return { method: 'GET', url, secretHeaders: { authorization: basicAuthorization(credential) } };
}

function post(
  request: TokenRequest,
  grant: Readonly<Record<string, string>>,
): Pick<HttpRequest, 'method' | 'url' | 'headers' | 'body'> {
  const form = new URLSearchParams({ ...grant, client_id: CLIENT_ID, scope: request.scopes.join(' ') });
  if (request.service !== undefined) form.set('service', request.service);
  return {
    method: 'POST',
    url: request.realm,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: form.toString(),
  };
}

function readToken(bytes: Uint8Array, asked: number, host: string): Token {
  const { token, access_token: access, expires_in: life } = jsonObject(Buffer.from(bytes).toString()) ?? {};
  const value = [token, access].find((text) => typeof text === 'string' && text !== '');
  if (typeof value !== 'string' || !/^[\x21-\x7e]+$/.test(value)) {
    throw new CtxsrcError('E_REGISTRY_PROTOCOL', `the token server of ${host} answered without a token`, {
      hint: strangerHint(host),
    });
  }
  const seconds = typeof life === 'number' && life > 0 ? life : DEFAULT_LIFE;
  // Used for nine tenths of its lifetime at most, so that it does not expire during a request.
  return { value, expires: asked + seconds * 900 };
}
