/** References in the forms of other tools: contexts of buildx and buildah, rules of a BuildKit source policy. */
import { existsSync } from 'node:fs';
import { isAbsolute, relative, resolve } from 'node:path';
import { isCtxsrcError } from '../core/errors.ts';
import { familiarReference, formatReference, type ImageReference, parseNormalizedReference } from '../oci/reference.ts';
import { isGitReference } from './git/reference-form.ts';
import { parseGitReference } from './git/url.ts';
import { formatLayoutReference, parseLayoutReference } from './layout-reference.ts';

const IMAGE = 'docker-image://';
const LAYOUT = 'oci-layout://';
const BUILD_CONTEXT = /^(?:(?:docker-image|oci-layout|https?|ssh|git):\/\/|[^/@:]+@[^/:]+:|\.{0,2}(?:\/|$))/;

/** True for what `--build-context` accepts: images, layouts, git, files on the web, and directories (plain paths). */
export function isBuildContext(value: string): boolean {
  return BUILD_CONTEXT.test(value);
}

/**
 * The reference of a build context that is no directory; undefined for a directory. A relative path becomes relative to
 * the current directory of the process.
 * @param cwd the directory that it was relative to
 */
export function referenceOfContext(value: string, cwd: string): string | undefined {
  if (value.startsWith(LAYOUT)) {
    const layout = parseLayoutReference(value.slice(LAYOUT.length), (path) => existsSync(resolve(cwd, path)));
    const path = isAbsolute(layout.path) ? layout.path : relative('', resolve(cwd, layout.path)) || '.';
    return formatLayoutReference({ ...layout, path });
  }
  return /^(?:https?|docker-image):\/\//.test(value) || isGitReference(value) ? value : undefined;
}

/** True for the reference of an image in a registry. */
export function isImageReference(text: string): boolean {
  return text.startsWith(IMAGE);
}

/** The reference of an image in a registry. */
export function imageOf(name: string): string {
  return `${IMAGE}${name}`;
}

/**
 * The repository that a reference of an image in a registry names, if it names neither tag nor digest; undefined
 * otherwise, and for every other reference.
 * @throws E_REFERENCE for a name that is not valid
 */
export function imageRepository(text: string): ImageReference | undefined {
  if (!text.startsWith(IMAGE)) return undefined;
  const reference = parseNormalizedReference(text.slice(IMAGE.length));
  return reference.tag === undefined && reference.digest === undefined ? reference : undefined;
}

/** The reference of an image by its tag alone, where it names tag and digest; undefined for every other one. */
export function withoutDigest(text: string): string | undefined {
  if (!text.startsWith(IMAGE)) return undefined;
  const reference = parseNormalizedReference(text.slice(IMAGE.length));
  if (reference.tag === undefined || reference.digest === undefined) return undefined;
  return imageOf(formatReference({ ...reference, digest: undefined }));
}

/** The image in a registry that a reference names by tag and digest; undefined for every other reference. */
export function parseImageByDigest(text: string): ImageReference | undefined {
  if (!text.startsWith(IMAGE)) return undefined;
  try {
    const reference = parseNormalizedReference(text.slice(IMAGE.length));
    return reference.tag === undefined || reference.digest === undefined ? undefined : reference;
  } catch (error) {
    if (isCtxsrcError(error)) return undefined;
    throw error;
  }
}

/** True for a file on the web, false for a git repository there. */
export function isWebFile(value: string): boolean {
  return /^https?:\/\//i.test(value) && !isGitReference(value);
}

/** The name of a context as BuildKit looks it up: short, without `:latest`. Undefined if no image could have it. */
export function contextName(name: string): string | undefined {
  try {
    return familiarReference(parseNormalizedReference(name)).replace(/:latest$/, '');
  } catch {
    return undefined;
  }
}

/** The facts about a reference to pin. */
export interface Pinnable {
  readonly ref: string;
  readonly pinned?: string | undefined;
  /** Root digest. */
  readonly digest: string;
  /** The image that stands for it, by its digest. */
  readonly vendored?: string | undefined;
}

/** `moby.buildkit.v1.sourcepolicy.Rule` as BuildKit reads it from JSON. */
export interface PolicyRule {
  readonly action: 'CONVERT';
  readonly selector: { readonly identifier: string; readonly matchType: 'EXACT' };
  readonly updates: { readonly identifier: string; readonly attrs?: Readonly<Record<string, string>> };
}

/** The rule that pins a reference, or why none is needed; undefined if no rule is possible. */
export function sourcePolicyRule({
  ref,
  pinned,
  digest,
  vendored,
}: Pinnable): PolicyRule | 'pinned already' | undefined {
  const convert = (identifier: string, updates: PolicyRule['updates']): PolicyRule => ({
    action: 'CONVERT',
    selector: { identifier, matchType: 'EXACT' },
    updates,
  });
  if (vendored !== undefined) {
    if (isGitReference(ref)) return convert(gitIdentifier(ref), { identifier: vendored });
    return isImageReference(ref) || isWebFile(ref) ? convert(ref, { identifier: vendored }) : undefined;
  }
  if (isGitReference(ref)) {
    if (pinned === undefined || pinned === ref) return 'pinned already';
    return convert(gitIdentifier(ref), { identifier: gitIdentifier(pinned) });
  }
  if (isImageReference(ref) && pinned !== undefined) {
    return pinned === ref ? 'pinned already' : convert(ref, { identifier: pinned });
  }
  if (isWebFile(ref)) return convert(ref, { identifier: ref, attrs: { 'http.checksum': digest } });
  return /^docker-image\+blob:/.test(ref) ? 'pinned already' : undefined;
}

/** BuildKit's name of a git source: `git://HOST/PATH#REF:SUBDIR`, whatever the transport. */
function gitIdentifier(reference: string): string {
  const { url, ref, subdir } = parseGitReference(reference);
  const fragment = `${ref}${subdir === '' ? '' : `:${subdir}`}`;
  return `git://${url.host}/${url.path.replace(/^\/+/, '')}${fragment === '' ? '' : `#${fragment}`}`;
}
