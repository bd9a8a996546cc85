/**
 * Image names as people write them: the grammar of distribution/reference, with Docker's defaults. BuildKit's frontend
 * normalises a name by it before a source sees it.
 */
import { type Digest, digestProblem } from '../core/digest.ts';
import { CtxsrcError } from '../core/errors.ts';
import { withoutUser } from '../core/shown-reference.ts';

export interface ImageReference {
  /** Empty if the text has no domain and no default was added. */
  readonly domain: string;
  readonly path: string;
  readonly tag?: string | undefined;
  readonly digest?: Digest | undefined;
}

const DOMAIN_LABEL = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const DOMAIN = `(?:${DOMAIN_LABEL}(?:\\.${DOMAIN_LABEL})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?`;
const COMPONENT = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const TAG = '[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}';
const DIGEST = '[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}';
const REFERENCE = new RegExp(`^(?:(${DOMAIN})/)?(${COMPONENT}(?:/${COMPONENT})*)(?::(${TAG}))?(?:@(${DIGEST}))?$`);

const MAX_PATH = 255;
/** Longer than any name, tag and digest together; a longer text is refused before a regular expression sees it. */
const MAX_REFERENCE = 1024;

const DEFAULT_DOMAIN = 'docker.io';
const OFFICIAL = 'library/';

function refuse(text: string, why: string, hint?: string): CtxsrcError {
  const plain = withoutUser(text);
  const shown = plain.length > 200 ? `${plain.slice(0, 200)}…` : plain;
  // With nothing behind the @ it is the digest that lacks, of a variable that is empty for instance.
  if (plain !== text && !text.endsWith('@')) {
    return new CtxsrcError('E_REFERENCE', `image name ${JSON.stringify(shown)} is not valid: it holds a password`, {
      hint: `leave it out, and log in once with \`docker login\`, or set CTXSRC_REGISTRY, CTXSRC_USERNAME and CTXSRC_PASSWORD`,
    });
  }
  return new CtxsrcError('E_REFERENCE', `image name ${JSON.stringify(shown)} is not valid: ${why}`, {
    hint: hint ?? 'write [host[:port]/]path[:tag][@digest], for instance docker.io/library/alpine:3.20',
  });
}

function formProblem(text: string): string {
  if (text.includes('://')) return 'a URL stands where a name is meant';
  if (/\s/.test(text)) return 'it holds a blank';
  const at = text.indexOf('@');
  if (at >= 0 && !new RegExp(`^${DIGEST}$`).test(text.slice(at + 1))) return 'what stands behind @ is no digest';
  if (text.endsWith(':')) return 'its tag is empty';
  return 'it does not have the form of one';
}

/**
 * Parses a reference as written, without defaults.
 * @throws E_REFERENCE
 */
export function parseImageReference(text: string): ImageReference {
  if (text === '') throw refuse(text, 'a name has at least one component');
  const match = text.length > MAX_REFERENCE ? null : REFERENCE.exec(text);
  if (match === null) {
    const lower = text.toLowerCase();
    if (text.length <= MAX_REFERENCE && lower !== text && REFERENCE.test(lower)) {
      throw refuse(text, 'repository names are in lower case');
    }
    throw refuse(text, formProblem(text));
  }
  const [, domain = '', path = '', tag, digest] = match;
  if (path.length > MAX_PATH) {
    throw refuse(text, `a repository name has at most ${MAX_PATH} characters, the domain not counted`);
  }
  const problem = digest === undefined ? undefined : digestProblem(digest);
  if (problem !== undefined) throw refuse(text, problem);
  return {
    domain,
    path,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest: digest as Digest }),
  };
}

/**
 * Parses a name as Docker does: a name without a domain belongs to docker.io, and there to `library/` if it is a single
 * word.
 * @throws E_REFERENCE
 */
export function parseNormalizedReference(text: string): ImageReference {
  if (/^[a-f0-9]{64}$/.test(text)) {
    throw refuse(
      text,
      '64 hexadecimal characters are taken for an ID',
      'to name an image by digest, write NAME@sha256:…',
    );
  }
  if (/^\.{0,2}\//.test(text)) {
    throw refuse(
      text,
      'it is a path',
      'for an image in a layout type oci-layout://PATH, for a directory its path alone',
    );
  }
  const slash = text.indexOf('/');
  const first = slash < 0 ? '' : text.slice(0, slash);
  const isDomain = first !== '' && (/[.:]/.test(first) || first === 'localhost' || first.toLowerCase() !== first);
  let domain = isDomain ? first : DEFAULT_DOMAIN;
  let rest = isDomain ? text.slice(slash + 1) : text;
  if (domain === 'index.docker.io') domain = DEFAULT_DOMAIN;
  if (domain === DEFAULT_DOMAIN && !rest.includes('/')) rest = OFFICIAL + rest;
  const repository = rest.split(':', 1)[0]!;
  if (repository.toLowerCase() !== repository) throw refuse(text, 'repository names are in lower case');
  try {
    return parseImageReference(`${domain}/${rest}`);
  } catch (error) {
    // The error quotes the text as typed, not as completed.
    if (error instanceof CtxsrcError) throw refuse(text, error.message.replace(/^.* is not valid: /s, ''), error.hint);
    throw error;
  }
}

/** The reference, with `:latest` added if it has neither tag nor digest. */
export function withDefaultTag(reference: ImageReference): ImageReference {
  if (reference.tag !== undefined || reference.digest !== undefined) return reference;
  return { ...reference, tag: 'latest' };
}

/** Domain and path. */
export function nameOf({ domain, path }: Pick<ImageReference, 'domain' | 'path'>): string {
  return domain === '' ? path : `${domain}/${path}`;
}

function suffix({ tag, digest }: ImageReference): string {
  return (tag === undefined ? '' : `:${tag}`) + (digest === undefined ? '' : `@${digest}`);
}

/** The whole reference. */
export function formatReference(reference: ImageReference): string {
  return nameOf(reference) + suffix(reference);
}

/** The short form that people write: without docker.io and `library/`. */
export function familiarReference(reference: ImageReference): string {
  if (reference.domain !== DEFAULT_DOMAIN) return formatReference(reference);
  const { path } = reference;
  const official = path.startsWith(OFFICIAL) && !path.slice(OFFICIAL.length).includes('/');
  return (official ? path.slice(OFFICIAL.length) : path) + suffix(reference);
}
