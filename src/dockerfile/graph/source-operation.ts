/** Operations that fetch something: images, directories of the client, files by URL, git repositories. */

import { encodeGoJson } from '../../core/go/json-encode.ts';
import { joinPath } from '../../core/go/path.ts';
import { compareUtf8 } from '../../core/go/text.ts';
import { formatPlatformAll, type Platform } from '../../core/platform.ts';
import type { GitReference } from '../../source/git/url.ts';
import { parseGitUrl } from '../../source/git/url.ts';
import type { Output } from './operation.ts';
import type { Place } from './types.ts';

type Attributes = Readonly<Record<string, string>>;

function source(
  identifier: string,
  places: readonly Place[],
  attrs: () => Attributes,
  platform?: Platform | undefined,
): Output {
  const operation = {
    kind: 'source' as const,
    ...(platform === undefined ? {} : { platform: formatPlatformAll(platform) }),
    places,
    sources: [],
    describe: () => ({ op: { identifier }, attrs: attrs() }),
  };
  return { operation, index: 0 };
}

/**
 * @param reference normalised, usually with its digest
 * @param resolveMode whether BuildKit may take an image that it has; empty: its default
 */
export function imageSource(reference: string, platform: Platform, places: readonly Place[], resolveMode = ''): Output {
  const attrs: Attributes = resolveMode === '' ? {} : { 'image.resolvemode': resolveMode };
  return source(`docker-image://${reference}`, places, () => attrs, platform);
}

/** An image of a layout. `store` is what the client calls the layout. */
export function layoutSource(reference: string, store: string, platform: Platform, places: readonly Place[]): Output {
  return source(`oci-layout://${reference}`, places, () => ({ 'oci.store': store }), platform);
}

/** The files of another target. BuildKit has that target's operations in its place. */
export function inputSource(name: string, platform: Platform, places: readonly Place[]): Output {
  return source(`input://${name}`, places, () => ({}), platform);
}

/** What a directory is asked for with. The paths grow while the graph is made, so they are read at its end. */
export interface LocalSource {
  readonly name: string;
  readonly sharedKeyHint: string;
  readonly excludePatterns: readonly string[];
  readonly paths: ReadonlySet<string>;
  readonly places: readonly Place[];
}

export function localSource(local: LocalSource): Output {
  return source(`local://${local.name}`, local.places, () => {
    const followPaths = followPathsOf(local.paths);
    return {
      ...(local.excludePatterns.length === 0 ? {} : { 'local.excludepatterns': encodeGoJson(local.excludePatterns) }),
      ...(followPaths === undefined ? {} : { 'local.followpaths': encodeGoJson(followPaths) }),
      'local.sharedkeyhint': local.sharedKeyHint,
    };
  });
}

/** Sorted by bytes, without the leading `/`; undefined if `/` is among them, or nothing is. */
export function followPathsOf(paths: ReadonlySet<string>): string[] | undefined {
  if (paths.size === 0 || paths.has('/')) return undefined;
  return [...paths].map((path) => joinPath('.', path)).sort(compareUtf8);
}

export function httpSource(url: string, filename: string, checksum: string, places: readonly Place[]): Output {
  return source(url, places, () => ({
    ...(checksum === '' ? {} : { 'http.checksum': checksum }),
    'http.filename': filename,
  }));
}

/** What a git source is asked for with, beside what its reference says. */
export interface GitOptions {
  readonly keepGitDir: boolean;
  readonly checksum: string;
  /** `commit` or empty. */
  readonly mtime: string;
}

export function gitSource(reference: GitReference, options: GitOptions, places: readonly Place[]): Output {
  const remote = reference.schemeless ? `https://${reference.remote}` : reference.remote;
  const { host, path, transport } = parseGitUrl(remote);
  const { ref, subdir } = reference;
  const fragment = ref === '' && subdir === '' ? '' : `#${ref}${subdir === '' ? '' : `:${subdir}`}`;
  return source(`git://${host}${joinPath('/', path)}${fragment}`, places, () => ({
    'git.authheadersecret': 'GIT_AUTH_HEADER',
    'git.authtokensecret': 'GIT_AUTH_TOKEN',
    ...(options.checksum === '' ? {} : { 'git.checksum': options.checksum }),
    ...(reference.fetchByCommit ? { 'git.fetchbycommit': 'true' } : {}),
    'git.fullurl': remote,
    ...(options.keepGitDir ? { 'git.keepgitdir': 'true' } : {}),
    ...(transport === 'ssh' ? { 'git.mountsshsock': 'default' } : {}),
    ...(options.mtime === '' ? {} : { 'git.mtime': options.mtime }),
    ...(reference.submodules === false ? { 'git.skipsubmodules': 'true' } : {}),
  }));
}
