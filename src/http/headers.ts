/** Headers of requests and responses. Names of received headers are in lower case. */
import { VERSION } from '../core/version.ts';

/** The User-Agent of every request, because some servers refuse requests without one. It is not part of any key. */
export const USER_AGENT = `ctxsrc/${VERSION}`;

/** The headers of a request, with a User-Agent unless the user gave another. */
export function withUserAgent(headers: Readonly<Record<string, string>> = {}): Record<string, string> {
  const named = Object.keys(headers).some((name) => name.toLowerCase() === 'user-agent');
  return named ? { ...headers } : { 'user-agent': USER_AGENT, ...headers };
}

export type ResponseHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** The value of a header; several values are joined (RFC 9110, section 5.3). */
export function header(headers: ResponseHeaders, name: string): string | undefined {
  const value = headers[name];
  if (value === undefined || typeof value === 'string') return value;
  return value.join(', ');
}

/** All values of a header that may be repeated and whose values may hold commas (WWW-Authenticate, Link). */
export function headerValues(headers: ResponseHeaders, name: string): readonly string[] {
  const value = headers[name];
  if (value === undefined) return [];
  return typeof value === 'string' ? [value] : value;
}

/**
 * A URL in a header. Some servers do not escape bytes outside of ASCII, and Node reads each as a character of Latin-1.
 * They are escaped here, as a URL requires.
 */
export function urlText(value: string): string {
  return value.replace(/[\x80-\xff]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** Content-Length in bytes; undefined if it is absent or not a plain number. */
export function contentLength(headers: ResponseHeaders): number | undefined {
  const text = header(headers, 'content-length');
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** The media type without its parameters, in lower case; undefined if there is none. */
export function mediaTypeOf(headers: ResponseHeaders): string | undefined {
  const text = header(headers, 'content-type')?.split(';', 1)[0]?.trim().toLowerCase();
  return text === '' ? undefined : text;
}

/** A `Content-Range: bytes FIRST-LAST/TOTAL` (RFC 9110, section 14.4); undefined if it cannot be parsed. */
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
