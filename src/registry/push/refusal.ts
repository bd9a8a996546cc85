/** What a registry's refusal of an upload means. */
import { CtxsrcError, type ErrorCode } from '../../core/errors.ts';
import type { RequestSubject } from '../../http/errors.ts';

/** A refusal that no other try would change, whatever its status. */
const QUOTA = /quota|storage limit|insufficient storage|no space left|out of space/i;
const FIXED_TAG = /immutab|already exists|overwrit|cannot be (?:changed|moved|updated)/i;

/** What was refused. `tag` is the tag that would have moved. */
export interface Refused {
  readonly subject: RequestSubject;
  readonly repository: string;
  readonly tag?: string | undefined;
}

/** The error of an answer, with the code and hint that it has for somebody who pushes. */
export function refusalOf(error: CtxsrcError, { subject, repository, tag }: Refused): CtxsrcError {
  const { host } = subject;
  const { status, registryCode } = (error.details ?? {}) as { status?: number; registryCode?: string };
  // The name of a repository may hold any of these words.
  const said = error.message.replaceAll(subject.what, '').replaceAll(host, '');
  const as = (code: ErrorCode, hint: string, message = error.message): CtxsrcError =>
    new CtxsrcError(code, message, { hint, details: error.details, cause: error });
  if (status === 507 || (status !== 429 && QUOTA.test(said))) {
    return as('E_LIMIT', `make room at ${host}, or ask its operator for more`);
  }
  if (status === 413) {
    return as('E_LIMIT', `ask the operator of ${host} for its limit, or of the proxy before it`);
  }
  if (tag !== undefined && status !== undefined && (status === 409 || (status < 500 && FIXED_TAG.test(said)))) {
    return as('E_TARGET_EXISTS', 'push under another tag', `${error.message}; the tag ${tag} exists and does not move`);
  }
  if (registryCode === 'DIGEST_INVALID' || registryCode === 'SIZE_INVALID') {
    return as(
      'E_DIGEST_MISMATCH',
      `what was sent was right: a proxy before ${host} changes content, or it is at fault`,
    );
  }
  if (registryCode === 'NAME_UNKNOWN' || status === 404) {
    return as('E_NOT_FOUND', `create the repository ${repository} at ${host} first, or check its spelling`);
  }
  if (error.code === 'E_FORBIDDEN' || error.code === 'E_UNAUTHORIZED') {
    const more = `the credential has to be allowed to push (ctxsrc auth --push ${repository} ${host}), and to create ${repository} if it is new`;
    return error.with({ hint: error.hint === undefined ? more : `${error.hint}; ${more}` });
  }
  return error;
}

/** The error of a refused blob without bytes: several registries take none, and say so in many ways. */
export function refusalOfEmpty(error: CtxsrcError): CtxsrcError {
  if (error.code === 'E_UNAUTHORIZED' || error.code === 'E_FORBIDDEN' || error.code === 'E_NOT_FOUND') return error;
  return new CtxsrcError(
    'E_LIMIT',
    `${error.message}; the blob has no bytes, and not every registry takes such a one`,
    {
      hint: 'build the image anew without empty layers, or push it elsewhere',
      details: error.details,
      cause: error,
    },
  );
}
