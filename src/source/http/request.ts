/** The request of an http source: which headers are sent where, and which responses are not the file. */
import type { JobContext } from '../../contract/index.ts';
import type { CtxsrcError } from '../../core/errors.ts';
import { tooManyBytes } from '../../core/read-limits.ts';
import { readStart } from '../../http/body.ts';
import type { HttpClient, HttpResponse } from '../../http/client.ts';
import { answerError, type RequestSubject } from '../../http/errors.ts';
import { contentLength, contentRange, headerValues } from '../../http/headers.ts';

/** One URL, with everything for its request. */
export interface FileRequest {
  readonly client: HttpClient;
  readonly url: URL;
  /** Also sent after redirects. */
  readonly headers: Readonly<Record<string, string>>;
  /** Only for the origin of the URL. */
  readonly ownHeaders: Readonly<Record<string, string>>;
  readonly authorization: string | undefined;
  readonly subject: RequestSubject;
  /** Limit of the body in bytes. */
  readonly maxBytes: number;
}

/**
 * Sends the request.
 * @param more headers of this request besides
 * @throws those of `answerError` by the status of an answer that is no file, E_LIMIT
 * for one that says that it is too large, and what `HttpClient.request` throws
 */
export async function ask(
  job: JobContext,
  target: FileRequest,
  more: Readonly<Record<string, string>>,
): Promise<HttpResponse> {
  const { client, url, subject, ownHeaders, authorization } = target;
  const response = await client.request(job, {
    method: 'GET',
    url,
    headers: { 'accept-encoding': 'identity', ...target.headers, ...more },
    secretHeaders: { ...ownHeaders, ...(authorization === undefined ? {} : { authorization }) },
    secrets: secretsOf(target),
    subject,
    stream: true,
  });
  const { status } = response;
  if ((status < 200 || status >= 400) && status !== 416) throw await refusal(target, response);
  const size = status === 206 ? contentRange(response.headers)?.total : contentLength(response.headers);
  if (status === 416 || size === undefined || size <= target.maxBytes) return response;
  response.discard();
  throw tooLarge(target, size);
}

/** @param size of the body, if known */
export function tooLarge({ subject, maxBytes }: FileRequest, size?: number): CtxsrcError {
  return tooManyBytes(subject.what, maxBytes, size);
}

/** The error for a response that is no file: that of a registry, with what to type for a file. */
async function refusal(target: FileRequest, response: HttpResponse): Promise<CtxsrcError> {
  const { status } = response;
  const text = await readStart(response);
  const hint = status === 401 || status === 403 ? loginHint(target, response) : 'check the address';
  return answerError(target.subject, { status, text, secrets: secretsOf(target), hint });
}

/** How to log in, by the authentication that the server requires. */
function loginHint({ url, authorization }: FileRequest, { headers, url: answered }: HttpResponse): string {
  if (authorization !== undefined && answered.origin !== url.origin) {
    return `it redirects to ${answered.origin}, where no credential goes: if that is meant, name its address yourself`;
  }
  if (authorization !== undefined) return 'check that the credential is right, and that it may read the file';
  const netrc = `--netrc FILE, where FILE has: machine ${url.hostname} login USER password PASSWORD`;
  const wanted = headerValues(headers, 'www-authenticate').join(', ');
  if (/(?:^|,)\s*basic\b/i.test(wanted)) return `give user and password with ${netrc}`;
  return `give a token with --auth-token-file FILE, or user and password with ${netrc}`;
}

/** Texts that no message may contain, should the server repeat them. */
function secretsOf({ url, ownHeaders, authorization = '' }: FileRequest): readonly string[] {
  const credential = authorization.replace(/^\S+ /, '');
  const isBasic = /^basic /i.test(authorization);
  const password = isBasic
    ? Buffer.from(credential, 'base64')
        .toString()
        .replace(/^[^:]*:/, '')
    : '';
  return [...Object.values(ownHeaders), authorization, credential, password, url.search.slice(1)];
}
