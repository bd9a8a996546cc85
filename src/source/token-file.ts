/** Secrets for sources: a token in a file, or a text of the session. */
import type { Session } from '../contract/session.ts';
import { CtxsrcError } from '../core/errors.ts';
import { printable } from '../core/printable.ts';
import { readNamedFile } from '../fs/small-file.ts';

const MAX_TOKEN_BYTES = 64 * 1024;

/** The token in a file. Throws `E_CREDENTIALS` if it is empty or holds more than a token. */
export async function readTokenFile(path: string): Promise<string> {
  const what = `the token file ${printable(path)}`;
  const bytes = await readNamedFile(path, { what, maxBytes: MAX_TOKEN_BYTES });
  return usableSecret(bytes.toString('utf8'), what);
}

/** The secret without surrounding white space. A line break in it would add lines to the request. */
function usableSecret(text: string, what: string): string {
  const value = text.trim();
  if (value === '' || /[\0-\x1f\x7f]/.test(value)) {
    throw new CtxsrcError('E_CREDENTIALS', `${what} ${value === '' ? 'is empty' : 'holds more than one line'}`, {
      hint: 'a token file holds the token and nothing else',
    });
  }
  return value;
}

export interface SessionSecret {
  readonly kind: 'header' | 'token';
  readonly value: string;
  /** Its name, for messages. */
  readonly what: string;
}

/**
 * The first secret of a session named `PREFIX_AUTH_HEADER` or `PREFIX_AUTH_TOKEN` with one of the endings, as in
 * BuildKit.
 */
export async function sessionSecret(
  session: Session,
  prefix: 'GIT' | 'HTTP',
  endings: readonly string[],
): Promise<SessionSecret | undefined> {
  for (const ending of endings) {
    for (const kind of ['header', 'token'] as const) {
      const name = `${prefix}_AUTH_${kind.toUpperCase()}${ending}`;
      const value = await session.secret(name);
      const what = `the secret ${name}`;
      if (value !== undefined) return { kind, value: usableSecret(value, what), what };
    }
  }
  return undefined;
}
