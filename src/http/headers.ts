/** Headers of requests and answers. Names of those that were received are in lower case. */
import { VERSION } from '../core/version.ts';

/** What every request says of who sends it: some servers answer nobody without a name. It is part of no key. */
export const USER_AGENT = `ctxsrc/${VERSION}`;

/** The headers of a request, with the program's name unless the user gave another. */
export function withUserAgent(headers: Readonly<Record<string, string>> = {}): Record<string, string> {
  const named = Object.keys(headers).some((name) => name.toLowerCase() === 'user-agent');
  return named ? { ...headers } : { 'user-agent': USER_AGENT, ...headers };
}

export type ResponseHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** The one value of a header; several are joined as RFC 9110, section 5.3 allows. */
export function header(headers: ResponseHeaders, name: string): string | undefined {
  const value = headers[name];
  if (value === undefined || typeof value === 'string') return value;
  return value.join(', ');
}

/** All values of a header that may be sent more than once and whose values may hold commas (WWW-Authenticate, Link). */
export function headerValues(headers: ResponseHeaders, name: string): readonly string[] {
  const value = headers[name];
  if (value === undefined) return [];
  return typeof value === 'string' ? [value] : value;
}

/**
 * A URL in a header. Bytes outside of ASCII, which a URL escapes and some servers do not, reach this program one character
 * each: they are escaped here, so that they are not taken for letters of Latin-1.
 */
export function urlText(value: string): string {
  return value.replace(/[\x80-\xff]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** Content-Length in bytes; undefined when it is absent or no plain number. */
export function contentLength(headers: ResponseHeaders): number | undefined {
  const text = header(headers, 'content-length');
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** The media type without its parameters, lower case; undefined when there is none. */
export function mediaTypeOf(headers: ResponseHeaders): string | undefined {
  const text = header(headers, 'content-type')?.split(';', 1)[0]?.trim().toLowerCase();
  return text === '' ? undefined : text;
}

/** A `Content-Range: bytes FIRST-LAST/TOTAL` (RFC 9110, section 14.4); undefined when it cannot be read. */
export function contentRange(
  headers: ResponseHeaders,
): { readonly first: number; readonly last: number; readonly total: number | undefined } | undefined {
  const match = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/.exec(header(headers, 'content-range') ?? '');
  if (match === null) return undefined;
  return {
    first: Number(match[1]),
    last: Number(match[2]),
    total: match[3] === '*' ? undefined : Number(match[3]),
  };
}
