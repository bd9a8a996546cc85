/** How an image in a layout directory is named. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { SchemeRef } from '../contract/index.ts';
import { type Digest, parseDigest } from '../core/digest.ts';
import { CtxsrcError } from '../core/errors.ts';
import { rebasePath } from './rebase-path.ts';

export const LAYOUT_FORM = 'oci-layout://DIR[:TAG][@DIGEST]';

/** The location of an image, and which one of its layout it is. */
export interface LayoutReference {
  readonly path: string;
  readonly tag: string | undefined;
  readonly digest: Digest | undefined;
}

/** The text of a reference: what `parseLayoutReference` reads. */
export function formatLayoutReference({ path, tag, digest }: LayoutReference, scheme = 'oci-layout'): string {
  return `${scheme}://${path}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}

/** The reference for a reader in the directory `to` instead of `from`, both absolute. */
export function rebaseLayoutReference({ scheme, rest }: SchemeRef, from: string, to: string, form: string): string {
  const reference = parseLayoutReference(rest, (path) => existsSync(resolve(from, path)), form);
  return formatLayoutReference({ ...reference, path: rebasePath(reference.path, from, to) }, scheme);
}

/**
 * Splits `PATH[:TAG][@DIGEST]`. The longest existing path wins, so that a path may contain `:` and `@`; nothing is
 * percent-decoded. If none exists, the last `:` after the last `/` begins the tag.
 * @param form the expected form, for the hint of an error
 * @throws E_REFERENCE, E_DIGEST_INVALID
 */
export function parseLayoutReference(
  text: string,
  exists: (path: string) => boolean,
  form: string = LAYOUT_FORM,
): LayoutReference {
  const cuts = [...text.matchAll(/[:@]/g)].map((match) => match.index).reverse();
  const existing = [text.length, ...cuts].find((cut) => cut > 0 && exists(text.slice(0, cut)));
  return splitAt(text, existing ?? guessedCut(text), form);
}

function guessedCut(text: string): number {
  const digest = /@[a-z0-9]+:[0-9a-zA-Z]*$/.exec(text);
  const end = digest === null ? text.length : digest.index;
  const name = text.lastIndexOf('/', end) + 1;
  const colon = text.slice(name, end).lastIndexOf(':');
  return colon < 0 ? end : name + colon;
}

function splitAt(text: string, cut: number, form: string): LayoutReference {
  const path = text.slice(0, cut);
  const suffix = text.slice(cut);
  if (path === '') throw refuse(text, 'it names no path', form);
  const at = suffix.lastIndexOf('@');
  const tagged = at < 0 ? suffix : suffix.slice(0, at);
  if (tagged === ':') throw refuse(text, 'its tag is empty', form);
  if (tagged !== '' && !tagged.startsWith(':'))
    throw refuse(text, `${JSON.stringify(suffix)} is no tag or digest`, form);
  return {
    path,
    tag: tagged === '' ? undefined : tagged.slice(1),
    digest: at < 0 ? undefined : parseDigest(suffix.slice(at + 1)),
  };
}

function refuse(text: string, why: string, form: string): CtxsrcError {
  return new CtxsrcError('E_REFERENCE', `layout reference ${JSON.stringify(text)} is not valid: ${why}`, {
    hint: `write ${form}`,
  });
}
