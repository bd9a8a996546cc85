/** The headers that a user adds to the requests of an http source. */
import { CtxsrcError } from '../../core/errors.ts';
import { canonicalHeaderName, type RequestHeader } from './key.ts';

/** Headers that the program sets itself, or that would make the response something other than the file. */
const RESERVED =
  /^(?:Host|Connection|Content-.*|Transfer-Encoding|Te|Trailer|Upgrade|Expect|Keep-Alive|Proxy-.*|Range|If-.*|Accept-Encoding)$/;
const SECRET = /^(?:Authorization|Cookie)$/;

/**
 * True if a redirect to another host gets the header: as in BuildKit, headers that are part of the key. Others are only
 * for the origin of the URL, since they may be credentials.
 */
export function crossesOrigins({ name }: RequestHeader): boolean {
  return name === 'Accept' || name === 'User-Agent';
}

/** `Name: value` texts as headers, in the order given. Throws `E_ATTRIBUTE`. */
export function parseHeaders(texts: readonly string[]): readonly RequestHeader[] {
  const headers: RequestHeader[] = [];
  for (const text of texts) {
    const match = /^([!#$%&'*+.^_`|~A-Za-z0-9-]+)\s*:\s*(.*?)\s*$/s.exec(text);
    if (match === null || !/^[\t\x20-\x7e]*$/.test(match[2] as string)) {
      throw new CtxsrcError('E_ATTRIBUTE', 'a value of --header is no header', { hint: "write it as 'Name: value'" });
    }
    const name = canonicalHeaderName(match[1] as string);
    if (SECRET.test(name)) {
      throw new CtxsrcError('E_ATTRIBUTE', `the header ${name} is a secret, which does not belong on a command line`, {
        hint: 'put the token into a file and name it with --auth-token-file, or user and password into one for --netrc',
      });
    }
    if (RESERVED.test(name)) {
      throw new CtxsrcError('E_ATTRIBUTE', `the header ${name} is not for --header to set`, { hint: 'leave it out' });
    }
    if (headers.some((other) => other.name === name)) {
      throw new CtxsrcError('E_ATTRIBUTE', `the header ${name} is given twice`, { hint: 'give it once' });
    }
    headers.push({ name, value: match[2] as string });
  }
  return headers;
}
