/**
 * Error responses of servers as typed errors. A server's text is hostile: it is shortened, its control characters are
 * made visible, and secrets that it echoes are removed before it reaches a message.
 */
import { CtxsrcError, type ErrorCode } from '../core/errors.ts';
import { isObject, jsonObject } from '../core/is-object.ts';
import { printable } from '../core/printable.ts';

/** The subject of a request, for messages. */
export interface RequestSubject {
  /** `host[:port]` as the user knows it. */
  readonly host: string;
  /** What is requested, for instance `the manifest of docker.io/library/alpine:3.20`. */
  readonly what: string;
  readonly kind: 'manifest' | 'tag' | 'blob' | 'token' | 'tags' | 'ping' | 'file' | 'upload';
}

/** What failed, for messages that begin with `cannot`. */
export function attemptOf({ kind, what, host }: RequestSubject): string {
  return kind === 'upload' ? `push ${what} to ${host}` : `get ${what} from ${host}`;
}

const LONGEST_TEXT = 300;

/** A server's text for people: one line, printable, short, without the given secrets. */
export function foreignText(text: string, secrets: Iterable<string> = []): string {
  let clean = text;
  for (const secret of secrets) {
    if (secret.length >= 4) clean = clean.replaceAll(secret, '***');
  }
  clean = printable(clean.replace(/\s+/g, ' ').trim());
  return clean.length <= LONGEST_TEXT ? clean : `${clean.slice(0, LONGEST_TEXT)}…`;
}

/** One error in a registry's response (distribution-spec, "Error Codes"). */
interface RegistryError {
  readonly code: string;
  readonly message: string;
}

/** The errors in a registry's or token server's response; empty if it has another form. */
function parseErrorBody(text: string): readonly RegistryError[] {
  const { errors, error, details, error_description: description, message } = jsonObject(text) ?? {};
  if (Array.isArray(errors)) {
    return errors.slice(0, 8).flatMap((one: unknown) => {
      if (!isObject(one)) return [];
      const { code, message: said } = one;
      return [{ code: typeof code === 'string' ? code : '', message: typeof said === 'string' ? said : '' }];
    });
  }
  const said = [description, details, message, error].find((value) => typeof value === 'string');
  return typeof said === 'string' ? [{ code: typeof error === 'string' ? error : '', message: said }] : [];
}

/** ` (WORDS)`: the reason in a server's refusal, in whatever form; empty if there is none for people. */
export function saying(text: string, secrets: Iterable<string>): string {
  const words = foreignText(wordsOf(text), secrets);
  return words === '' ? '' : ` (${words})`;
}

/** A registry's first error, the message of a page or of an XML document, or the text itself. */
function wordsOf(text: string): string {
  const [first] = parseErrorBody(text);
  if (first !== undefined) return [first.code, first.message].filter((part) => part !== '').join(': ');
  // Bytes that are not text are useless in a message.
  if (/[\0\ufffd]/.test(text)) return '';
  if (!/^\s*</.test(text)) return text;
  return /<(message|title)\b[^>]{0,100}>([^<]{1,1000})</i.exec(text)?.[2] ?? '';
}

/** A response with an error status. */
export interface BadAnswer {
  readonly status: number;
  /** The first bytes of the body. */
  readonly text: string;
  readonly secrets: Iterable<string>;
  /** What to type next, where that is something else than for a registry. */
  readonly hint?: string | undefined;
}

/** The error for a response that a retry would not change. */
export function answerError(subject: RequestSubject, answer: BadAnswer): CtxsrcError {
  const errors = parseErrorBody(answer.text);
  const said = saying(answer.text, answer.secrets);
  const { host, what } = subject;
  const registryCode = subject.kind === 'file' ? undefined : errors[0]?.code;
  const fail = (code: ErrorCode, message: string, hint: string): CtxsrcError =>
    new CtxsrcError(code, message, {
      hint: answer.hint ?? hint,
      details: {
        host,
        status: answer.status,
        ...(registryCode ? { registryCode: foreignText(registryCode, answer.secrets) } : {}),
      },
    });
  const code = codeOfStatus(answer.status);
  switch (code) {
    case 'E_UNAUTHORIZED':
      return fail(code, `${host} refused ${what}: not authenticated${said}`, loginHint(host));
    case 'E_FORBIDDEN':
      return fail(
        code,
        `${host} refused ${what}: access denied${said}`,
        `check that the credential may pull it: ctxsrc auth ${host}`,
      );
    case 'E_NOT_FOUND':
      return notFound(subject, errors, said, fail);
    case 'E_SERVER':
      return fail(
        code,
        `${host} failed to ${subject.kind === 'upload' ? 'take' : 'give'} ${what}: status ${answer.status}${said}`,
        'try again later',
      );
    default:
      return fail(
        code,
        `${host} answered a request for ${what} with status ${answer.status}${said}`,
        strangerHint(host),
      );
  }
}

/** The code for a status of 400 and more, whatever was requested. */
export function codeOfStatus(status: number): ErrorCode {
  if (status === 401) return 'E_UNAUTHORIZED';
  if (status === 403) return 'E_FORBIDDEN';
  if (status === 404 || status === 410) return 'E_NOT_FOUND';
  return status >= 500 ? 'E_SERVER' : 'E_REGISTRY_PROTOCOL';
}

/** What to type when a registry requires credentials. */
export function loginHint(host: string): string {
  return `log in with \`docker login ${host}\`, or see which credentials are found: ctxsrc auth ${host}`;
}

/** What to look at when something answers that is no registry. */
export function strangerHint(host: string): string {
  return `check that ${host} is a registry, and that no proxy answers in its place`;
}

function notFound(
  subject: RequestSubject,
  errors: readonly RegistryError[],
  said: string,
  fail: (code: ErrorCode, message: string, hint: string) => CtxsrcError,
): CtxsrcError {
  const { host, what, kind } = subject;
  if (kind === 'token') {
    return fail(
      'E_REGISTRY_PROTOCOL',
      `${host} names a token server that does not give ${what}${said}`,
      'tell the operator of the registry',
    );
  }
  const message = `${host} does not have ${what}${said}`;
  if (kind === 'blob')
    return fail('E_BLOB_NOT_FOUND', message, 'the registry lost or removed it; push the image again');
  if (kind === 'tag' && !errors.some((error) => error.code === 'NAME_UNKNOWN')) {
    return fail('E_TAG_NOT_FOUND', message, 'check the tag, and the spelling of the repository');
  }
  const check = 'check the spelling of the host and the repository';
  const hint = kind === 'manifest' ? `${check}, and that the digest is a manifest's: an image ID is none` : check;
  return fail('E_NOT_FOUND', message, hint);
}
