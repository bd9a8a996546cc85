/** Answers what the graph of a build asks: configurations of images, ignore files of contexts, times of sources. */
import type { JobContext } from '../contract/index.ts';
import { CtxsrcError, isCtxsrcError } from '../core/errors.ts';
import { shellWord } from '../core/shell-word.ts';
import { shownReference } from '../core/shown-reference.ts';
import type { BuildResolver, ImageRequest, ResolvedImage } from '../dockerfile/graph/types.ts';
import { familiarReference, parseNormalizedReference } from '../oci/reference.ts';
import type { SourceKeys } from './source-keys.ts';

/** References of images that could not be asked for. */
export type Unasked = Set<string>;

/** @param unasked collects images that are not at hand offline, which then count as empty; without it that is an error */
export function buildResolver(keys: SourceKeys, { strict }: JobContext, unasked?: Unasked): BuildResolver {
  return {
    async image(request): Promise<ResolvedImage> {
      if (strict === true && !keys.isNamed(request)) refuseUnpinned(request);
      try {
        const image = await keys.image(request);
        const { digest, pinned } = await image.digests();
        // The operation names the image by this digest.
        if (pinned !== undefined) keys.sources.alias(pinned, { platform: request.platform }, image);
        return { digest, config: await image.imageConfig() };
      } catch (error) {
        if (unasked !== undefined && isCtxsrcError(error, 'E_OFFLINE')) {
          unasked.add(`${request.kind}://${request.ref}`);
          return { digest: UNKNOWN, config: { rootfs: { type: 'layers', diff_ids: [UNKNOWN] } } };
        }
        throw explained(error, request);
      }
    },
    async sourceTime(identifier, attrs): Promise<number | undefined> {
      const source = await keys.open({ kind: 'source', inputs: [], op: { identifier }, attrs, places: [] });
      if (attrs['http.filename'] !== undefined) {
        const { lastModified } = await source.describe();
        if (typeof lastModified !== 'string') return undefined;
        const { parseHttpTime } = await import('../source/http/last-modified.ts');
        return parseHttpTime(lastModified)?.seconds;
      }
      // A commit's time is in the commit, which a key does not need to fetch.
      throw new CtxsrcError('E_DOCKERFILE', `the time of ${shownReference(identifier)} is not asked for`, {
        hint: 'set SOURCE_DATE_EPOCH to seconds since 1970: git log -1 --format=%ct prints those of a commit',
      });
    },
    inputImage: (name) => keys.imageOfInput(name),
    namedContextExcludes: async (name) => (await keys.contexts.directory(name)).ignores.exclude,
  };
}

/**
 * A builder that keeps images of its own may take a name without a registry for one of those, unless a digest decides or
 * the context has a name.
 */
function refuseUnpinned({ ref }: ImageRequest): void {
  const { domain, digest } = parseNormalizedReference(ref);
  if (domain !== 'docker.io' || digest !== undefined) return;
  throw new CtxsrcError('E_DOUBTFUL', `${ref} is not pinned: a builder may have another image of that name`, {
    hint: 'write its digest, or give --build-context NAME=docker-image://NAME@DIGEST',
  });
}

/** Stands for a digest that nobody asked for. */
const UNKNOWN = `sha256:${'0'.repeat(64)}`;

const NOT_THERE = ['E_NOT_FOUND', 'E_TAG_NOT_FOUND', 'E_UNAUTHORIZED', 'E_FORBIDDEN'] as const;

/** A base that was built on this machine is in no registry: the commonest reason for one that is not found. */
function explained(error: unknown, { ref, store }: ImageRequest): unknown {
  if (store !== undefined || !isCtxsrcError(error) || !NOT_THERE.some((code) => code === error.code)) return error;
  const hint = `is it built on this machine? Then give --build-context ${shellWord(familiarReference({ ...parseNormalizedReference(ref), digest: undefined }))}=oci-layout://DIR`;
  return error.with({ hint: error.hint === undefined ? hint : `${error.hint}; ${hint}` });
}
