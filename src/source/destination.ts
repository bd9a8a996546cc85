/** Where a push goes: `docker-image://HOST/NAME:TAG` or `oci-layout://PATH[:TAG]`. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Digest } from '../core/digest.ts';
import { CtxsrcError } from '../core/errors.ts';
import { withoutUser } from '../core/shown-reference.ts';
import { formatReference, parseNormalizedReference, withDefaultTag } from '../oci/reference.ts';
import type { RepositoryName } from '../registry/mirrors.ts';
import { formatLayoutReference, parseLayoutReference } from './layout-reference.ts';

interface Named {
  readonly tag: string;
  /** The reference to what the tag names, by its digest. */
  reference(digest: Digest): string;
}

export interface RegistryTarget extends Named {
  readonly kind: 'registry';
  readonly name: RepositoryName;
}

interface LayoutTarget extends Named {
  readonly kind: 'layout';
  /** Absolute. */
  readonly path: string;
}

export type Destination = RegistryTarget | LayoutTarget;

const HINT = 'type docker-image://HOST/NAME:TAG, or oci-layout://DIR:TAG';
const FORM = 'oci-layout://DIR[:TAG]';
/** Names of a layout that every tool can type, names of images among them. */
const LAYOUT_TAG = /^[A-Za-z0-9_][\w.+@:/-]*$/;

/**
 * Parses the second argument of `ctxsrc push`.
 * @param cwd the directory of relative paths
 * @throws E_USAGE for anything else, E_REFERENCE for a wrong name, tag or path
 */
export function parseDestination(text: string, cwd: string): Destination {
  const [, scheme, rest = ''] = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/s.exec(text) ?? [];
  const shown = JSON.stringify(withoutUser(text));
  const wrong = (problem: string): CtxsrcError => new CtxsrcError('E_USAGE', `${shown} ${problem}`, { hint: HINT });
  if (scheme === 'docker-image') {
    const reference = withDefaultTag(parseNormalizedReference(rest));
    const { domain, path, tag, digest } = reference;
    if (tag === undefined || digest !== undefined) throw wrong('names a digest, and a push goes to a tag');
    return {
      kind: 'registry',
      name: { host: domain, repository: path },
      tag,
      reference: (digest) => `docker-image://${formatReference({ ...reference, digest })}`,
    };
  }
  if (scheme === 'oci-layout') {
    const there = (path: string): boolean => existsSync(resolve(cwd, path));
    const { path, tag = 'latest', digest } = parseLayoutReference(rest, there, FORM);
    if (digest !== undefined) throw wrong('names a digest, and a push goes to a tag');
    if (!LAYOUT_TAG.test(tag)) throw wrong(`has the tag ${JSON.stringify(tag)}, which other tools could not name`);
    return {
      kind: 'layout',
      path: resolve(cwd, path),
      tag,
      reference: (digest) => formatLayoutReference({ path, tag, digest }),
    };
  }
  throw wrong('is no place to push to');
}
