/** How an http or https reference is parsed: the URL as written, and its attributes. */

import type { Attributes, Identifier, SchemeRef } from '../../contract/index.ts';
import { parseDigest } from '../../core/digest.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { shellWord } from '../../core/shell-word.ts';
import { shownReference } from '../../core/shown-reference.ts';
import { forgePage } from '../repository-forms.ts';
import { readShape, shapeAttributes } from '../single-file.ts';
import { parseHeaders } from './headers.ts';

export class HttpIdentifier implements Identifier {
  readonly scheme: string;
  /** As the user wrote it. */
  readonly url: string;
  readonly attributes: Attributes;
  readonly doubt: Identifier['doubt'];

  constructor(scheme: string, url: string, attributes: Attributes) {
    this.scheme = scheme;
    this.url = url;
    this.attributes = attributes;
    // With a checksum the user knows the content.
    this.doubt = attributes.checksum === undefined ? doubtOf(url) : undefined;
  }

  toString(): string {
    return this.url;
  }

  toJSON(): unknown {
    return { scheme: this.scheme, url: shownReference(this.url), attributes: this.attributes };
  }
}

/** A page of a forge is a file like any other, also for BuildKit, but the user probably means the repository. */
function doubtOf(text: string): Identifier['doubt'] {
  const page = forgePage(text);
  if (page === undefined) return undefined;
  const { what, reference, file } = page;
  return {
    text: `${shownReference(text)} is ${what}: the page itself is taken, not what it shows`,
    hint: `for the repository type ${shellWord(reference)}${file === undefined ? '' : `, for the file ${shellWord(file)}`}; for the page give its --checksum`,
  };
}

/** An http or https reference, checked. @throws E_REFERENCE, E_ATTRIBUTE, E_DIGEST_INVALID */
export function identify(ref: SchemeRef, attrs: Attributes): HttpIdentifier {
  const { scheme } = ref;
  const url = `${scheme}://${ref.rest}`;
  const { username, password } = parseUrl(url);
  if (username !== '' || password !== '') {
    const message = 'a URL holds no user and no password: they would end up in logs and lock files';
    throw new CtxsrcError('E_REFERENCE', message, {
      hint: 'put them into a netrc file and name it with --netrc, or a token into a file for --auth-token-file',
    });
  }
  urlPath(url);
  const attributes: Record<string, Attributes[string]> = { ...shapeAttributes(attrs) };
  readShape(attributes);
  const { checksum, header, unpack, 'auth-token-file': tokenFile, 'strip-components': strip } = attrs;
  if (typeof checksum === 'string') attributes.checksum = parseDigest(checksum);
  if (Array.isArray(header) && header.length > 0) {
    parseHeaders(header as readonly string[]);
    attributes.header = header;
  }
  if (typeof tokenFile === 'string') attributes['auth-token-file'] = tokenFile;
  if (unpack === true) attributes.unpack = true;
  if (strip !== undefined) {
    if (typeof strip !== 'number' || !Number.isSafeInteger(strip) || strip < 0) {
      throw new CtxsrcError('E_ATTRIBUTE', '--strip-components is no number of directories', {
        hint: 'give 1, for instance',
      });
    }
    if (unpack !== true) {
      throw new CtxsrcError('E_ATTRIBUTE', '--strip-components means nothing without --unpack', {
        hint: 'add --unpack',
      });
    }
    attributes['strip-components'] = strip;
  }
  return new HttpIdentifier(scheme, url, attributes);
}

export function parseUrl(text: string): URL {
  if (/[\0-\x20\x7f]/.test(text))
    throw new CtxsrcError('E_REFERENCE', 'a URL holds neither spaces nor control characters');
  try {
    return new URL(text);
  } catch (error) {
    throw new CtxsrcError('E_REFERENCE', `${JSON.stringify(shownReference(text))} is no URL`, { cause: error });
  }
}

/** The path as written, unescaped, as bytes: URL classes would change what BuildKit keeps. */
export function urlPath(text: string): string {
  const path = /^[a-z]+:\/\/[^/?#]*([^?#]*)/i.exec(Buffer.from(text).toString('latin1'))?.[1] ?? '';
  if (/%(?![0-9A-Fa-f]{2})/.test(path)) {
    throw new CtxsrcError('E_REFERENCE', `invalid escape in the path of ${JSON.stringify(shownReference(text))}`, {
      hint: '% is written as %25 in a URL',
    });
  }
  return path.replace(/%(..)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
