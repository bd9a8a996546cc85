/** Secrets that sources are given: a file with a token, or a text of the session. */
import { readFile } from 'node:fs/promises';
import { CtxsrcError, ioError } from '../core/errors.ts';

/** The token in a file. Throws `E_CREDENTIALS` for one that is empty or holds more than a token. */
export async function readTokenFile(path: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw ioError(error, `cannot read the token file ${path}`);
  }
  return usableSecret(text, `the token file ${path}`);
}

/** The secret without the white space around it. A line break in it would add lines of its own to what is sent. */
export function usableSecret(text: string, what: string): string {
  const value = text.trim();
  if (value === '' || /[\0-\x1f\x7f]/.test(value)) {
    throw new CtxsrcError('E_CREDENTIALS', `${what} ${value === '' ? 'is empty' : 'holds more than one line'}`, {
      hint: 'a token file holds the token and nothing else',
    });
  }
  return value;
}
