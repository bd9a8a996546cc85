/**
 * References as BuildKit's sources read them: containerd's parser, which reads the text as a URL without a scheme and
 * has no defaults (`docs/buildkit.md#references`).
 */
import { isIPv6 } from 'node:net';
import { CtxsrcError } from '../core/errors.ts';
import { joinPath } from '../core/go/path.ts';

export interface ContainerdReference {
  /** Host and path, cleaned. */
  readonly locator: string;
  /** Tag, `@digest` or `tag@digest`; empty if there is none. */
  readonly object: string;
}

function refuse(text: string, why: string): CtxsrcError {
  return new CtxsrcError('E_REFERENCE', `reference ${JSON.stringify(text)} is not valid: ${why}`, {
    hint: 'write HOST/PATH:TAG or HOST/PATH@DIGEST',
  });
}

/** Percent-decoded, as text. */
function percentDecoded(text: string, part: string): string {
  const bad = /%(?![0-9a-fA-F]{2})/.exec(part);
  if (bad !== null) throw refuse(text, `invalid URL escape ${JSON.stringify(part.slice(bad.index, bad.index + 3))}`);
  const pieces = part.split(/((?:%[0-9a-fA-F]{2})+)/).map((piece, index) => {
    return index % 2 === 0 ? Buffer.from(piece) : Buffer.from(piece.replaceAll('%', ''), 'hex');
  });
  return Buffer.concat(pieces).toString();
}

/**
 * A host as Go's `net/url` reads it for a scheme other than HTTP: a bracketed IPv6 address or a name, then an optional
 * port.
 */
function host(text: string, authority: string): string {
  const bracketed = /^\[(.*)\](.*)$/s.exec(authority);
  if (bracketed === null && authority.includes('['))
    throw refuse(text, 'a bracket that is not closed, or not at the beginning');
  const port = bracketed ? bracketed[2]! : (/:[^:]*$/.exec(authority)?.[0] ?? '');
  if (!/^(?::[0-9]*)?$/.test(port)) throw refuse(text, `invalid port ${JSON.stringify(port)} after host`);
  if (bracketed === null) return hostName(text, authority);
  const [, name = '', zone] = /^(.*?)(?:%25(.*))?$/s.exec(bracketed[1]!)!;
  const address = hostName(text, name);
  if (!isIPv6(address) || zone === '' || zone?.includes('[') === true) {
    throw refuse(text, 'the address in brackets is no IPv6 address');
  }
  return `[${address}${zone === undefined ? '' : `%${hostName(text, zone)}`}]${port}`;
}

/** The name with its escapes decoded; only characters outside ASCII may be escaped. */
function hostName(text: string, name: string): string {
  const badEscape = /%(?!25)[0-7][0-9a-fA-F]/.exec(name);
  if (badEscape !== null) throw refuse(text, `invalid URL escape ${JSON.stringify(badEscape[0])}`);
  const bad = /[^A-Za-z0-9\-_.~!$&'()*+,;=:[\]<>"%\u0080-\uffff]/.exec(name);
  if (bad !== null) throw refuse(text, `invalid character ${JSON.stringify(bad[0])} in host name`);
  return percentDecoded(text, name);
}

/**
 * Reads a reference as containerd does. The object may be empty; image sources then refuse it.
 * @throws E_REFERENCE
 */
export function parseContainerdReference(text: string): ContainerdReference {
  if (text.includes('://')) throw refuse(text, 'it has a scheme');
  const [beforeFragment, fragment] = splitOnce(text, '#');
  if (/[\u0000-\u001f\u007f]/.test(beforeFragment)) throw refuse(text, 'it holds a control character');
  percentDecoded(text, fragment);
  const [hierarchy] = splitOnce(beforeFragment, '?');
  const slash = hierarchy.indexOf('/');
  const authority = slash < 0 ? hierarchy : hierarchy.slice(0, slash);
  const path = percentDecoded(text, slash < 0 ? '' : hierarchy.slice(slash));
  const at = authority.lastIndexOf('@');
  const user = at < 0 ? '' : authority.slice(0, at);
  if (!/^[A-Za-z0-9\-._:~!$&'()*+,;=%@]*$/.test(user)) throw refuse(text, 'invalid user information');
  percentDecoded(text, user);
  const hostPart = host(text, authority.slice(at + 1));
  if (hostPart === '') throw refuse(text, 'a host name is required');
  const split = path.search(/[:@]/);
  if (split < 0) return { locator: joinPath(hostPart, path), object: '' };
  const object = path.slice(path[split] === ':' ? split + 1 : split);
  return { locator: joinPath(hostPart, path.slice(0, split)), object };
}

function splitOnce(text: string, separator: string): readonly [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

/** The printed form. */
export function formatContainerdReference({ locator, object }: ContainerdReference): string {
  if (object === '') return locator;
  return object.startsWith('@') ? locator + object : `${locator}:${object}`;
}
