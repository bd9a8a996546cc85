/** `--build-context`: what stands in for a stage or an image. */
import { formatPlatformAll, normalizePlatform, type Platform } from '../../core/platform.ts';
import {
  familiarReference,
  formatReference,
  parseImageReference,
  parseNormalizedReference,
  withDefaultTag,
} from '../../oci/reference.ts';
import { DockerfileProblem } from '../problem.ts';
import { repositoryOf } from './git-reference.ts';
import { type Image, platformOf, readImage } from './image-config.ts';
import type { ImageRequests } from './image-requests.ts';
import type { Output } from './operation.ts';
import { gitSource, httpSource, imageSource, inputSource, layoutSource, localSource } from './source-operation.ts';
import type { BuildOptions, BuildResolver, Place } from './types.ts';

export interface NamedContext {
  /** As it was found, with `::PLATFORM` where that was given. */
  readonly key: string;
  /** As it was looked up. */
  readonly name: string;
  readonly value: string;
  /** Undefined: nobody asked for one. */
  readonly platform: Platform | undefined;
}

/** What a named context is once it is loaded. */
export interface LoadedContext {
  /** Undefined: an empty directory. */
  readonly files: Output | undefined;
  /** Set for an image, with the platform that it says it is for. */
  readonly image?: Image;
  readonly imagePlatform?: Platform | undefined;
  /** The platform that steps upon it run on; undefined: the target's. */
  readonly runPlatform?: Platform | undefined;
}

export interface ContextLoader {
  readonly requests: ImageRequests;
  readonly resolver: BuildResolver;
  readonly target: Platform;
}

export class NamedContexts {
  readonly #values: ReadonlyMap<string, string>;
  readonly #machine: Platform;

  /** @param machine the platform of lookups for which nobody asked for one */
  constructor(options: BuildOptions, machine: Platform) {
    this.#values = options.namedContexts;
    this.#machine = machine;
  }

  /** What stands in for the name of a stage or image on a platform. `scratch` and `context` are never looked up. */
  find(name: string, platform: Platform | undefined): NamedContext | undefined {
    if (/^(?:scratch|context)$/i.test(name)) return undefined;
    const familiar = familiarReference(parseNormalizedReference(name)).replace(/:latest$/, '');
    const full = `${familiar}::${formatPlatformAll(normalizePlatform(platform ?? this.#machine))}`;
    for (const key of [full, familiar]) {
      const value = this.#values.get(key);
      if (value !== undefined) return { key, name: familiar, value, platform };
    }
    return undefined;
  }
}

/**
 * Makes the source of a named context, and asks for its configuration if it is an image.
 * @param paths what is taken of a directory; it grows while the graph is made
 */
export async function loadContext(
  context: NamedContext,
  paths: ReadonlySet<string>,
  place: Place,
  loader: ContextLoader,
): Promise<LoadedContext> {
  const { value } = context;
  const colon = value.indexOf(':');
  const scheme = value.startsWith('git@') ? 'git' : value.slice(0, Math.max(colon, 0));
  const rest = value.slice(colon + 1);
  switch (scheme) {
    case 'docker-image':
      return loadImage(context, rest.replace(/^\/\//, ''), place, loader);
    case 'oci-layout':
      return loadLayout(context, rest.replace(/^\/\//, ''), place, loader);
    case 'git':
    case 'http':
    case 'https': {
      const reference = repositoryOf(value);
      if (reference === undefined && scheme !== 'git') return { files: httpSource(value, 'context', '', [place]) };
      if (reference === undefined) throw notASource(context);
      const { checksum, mtime, keepGitDir } = reference;
      return { files: gitSource(reference, { keepGitDir: keepGitDir === true, checksum, mtime }, [place]) };
    }
    case 'input':
      return loadInput(context, rest, place, loader);
    case 'local': {
      const excludePatterns = await loader.resolver.namedContextExcludes(rest);
      const sharedKeyHint = `context:${context.key}-`;
      return { files: localSource({ name: rest, sharedKeyHint, excludePatterns, paths, places: [place] }) };
    }
    default:
      throw notASource(context);
  }
}

function notASource({ key, value }: NamedContext): DockerfileProblem {
  return new DockerfileProblem(
    `--build-context ${key}=${value} is no source`,
    'write a directory, docker-image://NAME, oci-layout://DIR@DIGEST, or an https:// or git URL',
  );
}

async function loadImage(
  context: NamedContext,
  reference: string,
  place: Place,
  loader: ContextLoader,
): Promise<LoadedContext> {
  if (reference === 'scratch') return { files: undefined };
  const ref = formatReference(withDefaultTag(parseNormalizedReference(reference)));
  const platform = context.platform ?? loader.target;
  const { config } = await loader.requests.ask('docker-image', { ref, platform }, place);
  const image = readImage(config, ref);
  // The operation is not pinned: whoever gave the context answers for what it is.
  const files = imageSource(ref, platform, [place]);
  const imagePlatform = platformOf(image);
  return { files, image, imagePlatform, runPlatform: imagePlatform ?? context.platform };
}

async function loadLayout(
  context: NamedContext,
  reference: string,
  place: Place,
  loader: ContextLoader,
): Promise<LoadedContext> {
  const { domain, path, digest } = parseImageReference(reference);
  if (digest === undefined) {
    throw new DockerfileProblem(
      `--build-context ${context.key}=${context.value} has no digest`,
      'write oci-layout://DIR@sha256:…',
    );
  }
  const store = domain === '' ? path : `${domain}/${path}`;
  const ref = formatReference({ ...parseNormalizedReference(context.name), digest });
  const platform = context.platform ?? loader.target;
  const { config } = await loader.requests.ask('oci-layout', { ref, platform, store }, place);
  const image = readImage(config, ref);
  const files = layoutSource(ref, store, platform, [place]);
  const imagePlatform = platformOf(image);
  return { files, image, imagePlatform, runPlatform: imagePlatform ?? context.platform };
}

/** What another target makes is built, not asked for: its operations are in that target's key. */
function loadInput(context: NamedContext, name: string, place: Place, loader: ContextLoader): LoadedContext {
  const platform = context.platform ?? loader.target;
  const image = readImage(loader.resolver.inputImage(name), name);
  const imagePlatform = platformOf(image);
  const files = inputSource(name, platform, [place]);
  return { files, image, imagePlatform, runPlatform: imagePlatform ?? context.platform };
}
