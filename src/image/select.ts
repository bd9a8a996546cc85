/**
 * From a root descriptor to the one image in it that fits the platform, as BuildKit chooses it:
 * `docs/buildkit.md#which-image-of-an-index`.
 */
import type { JobContext } from '../contract/session.ts';
import { CtxsrcError } from '../core/errors.ts';
import { IMAGE_INVALID } from '../core/integrity-hints.ts';
import { formatPlatformAll, type Platform } from '../core/platform.ts';
import { type PlatformMatcher, platformMatcher } from '../core/platform-match.ts';
import { listed, shortened } from '../core/printable.ts';
import { decodeConfig, decodeIndex, decodeManifest, schema1Error, usable } from '../oci/decode.ts';
import { isIndexType, isManifestType, isSchema1Type } from '../oci/media-types.ts';
import type { Descriptor, ImageConfig, Manifest, Raw } from '../oci/types.ts';
import { refuseCacheIndex, refuseNoImage } from './no-image.ts';
import { type ContentProvider, documentName, fetchDocument } from './provider.ts';

/** A document with its descriptor. */
interface Found<T> extends Raw<T> {
  readonly descriptor: Descriptor;
}

export interface SelectedImage {
  readonly root: Descriptor;
  /** The indexes from the root to the manifest. */
  readonly indexes: readonly { readonly descriptor: Descriptor; readonly bytes: Uint8Array }[];
  /** The entries of the root index, in its order; empty if the root is a manifest. */
  readonly offered: readonly Descriptor[];
  readonly manifest: Found<Manifest>;
  readonly config: Found<ImageConfig>;
}

/** Each level costs a request; real images have far fewer. */
const MAX_INDEX_DEPTH = 32;

/**
 * Follows the root to the manifest for the platform and reads its configuration, but no layers. A root that is a
 * manifest is used whatever its platform. Only the best entry of an index is tried.
 * @throws E_PLATFORM_NOT_FOUND with the available platforms in `details.candidates`, E_NOT_AN_IMAGE,
 * E_MANIFEST_INVALID, E_IMAGE_CONFIG_INVALID, E_SCHEMA1, E_LIMIT, and those of `fetchDocument`
 */
export async function selectImage(
  job: JobContext,
  provider: ContentProvider,
  root: Descriptor,
  requested: Platform,
): Promise<SelectedImage> {
  const matcher = platformMatcher(requested);
  const indexes: { descriptor: Descriptor; bytes: Uint8Array }[] = [];
  let offered: readonly Descriptor[] = [];
  let descriptor = usable(root, `the descriptor of ${root.digest}`);
  while (isIndexType(descriptor.mediaType)) {
    const { digest } = descriptor;
    const what = documentName('index', digest, provider);
    if (indexes.some((index) => index.descriptor.digest === digest)) {
      throw new CtxsrcError('E_MANIFEST_INVALID', `${what} contains itself`, { hint: IMAGE_INVALID });
    }
    if (indexes.length >= MAX_INDEX_DEPTH) {
      throw new CtxsrcError('E_LIMIT', `${root.digest} holds indexes in indexes more than ${MAX_INDEX_DEPTH} deep`);
    }
    const bytes = await fetchDocument(job, provider, descriptor);
    const entries = decodeIndex(bytes, descriptor.mediaType, what).value.manifests;
    await refuseCacheIndex(entries, what);
    if (indexes.length === 0) offered = entries;
    indexes.push({ descriptor, bytes });
    const best = bestEntry(entries, matcher);
    if (best === undefined) throw noMatch(requested, what, entries);
    descriptor = usable(best, `manifests[${entries.indexOf(best)}] of ${what}`);
    const chosen = best.platform === undefined ? 'the entry without a platform' : formatPlatformAll(best.platform);
    const text = `platform ${formatPlatformAll(requested)}: ${shortened(chosen)} of ${entries.length} in ${digest}: ${descriptor.digest}`;
    job.progress.emit({ type: 'message', level: 'debug', text });
  }
  if (isSchema1Type(descriptor.mediaType)) throw schema1Error(descriptor.digest);
  if (!isManifestType(descriptor.mediaType)) {
    throw new CtxsrcError(
      'E_NOT_AN_IMAGE',
      `${descriptor.digest} is no image manifest but ${JSON.stringify(shortened(descriptor.mediaType))}`,
      { hint: 'name an image, or an index of images' },
    );
  }
  const what = documentName('manifest', descriptor.digest, provider);
  const manifest = decodeManifest(await fetchDocument(job, provider, descriptor), descriptor.mediaType, what);
  await refuseNoImage(manifest.value, what, provider);
  const config = await readConfig(job, provider, manifest.value.config);
  if (indexes.length > 0 && descriptor.platform === undefined && !matcher.matches(config.value.platform)) {
    throw noMatch(requested, what, [{ ...descriptor, platform: config.value.platform }]);
  }
  checkLayers(manifest.value, config, provider);
  return { root, indexes, offered, manifest: { ...manifest, descriptor }, config };
}

/** The entry to follow: entries with a platform before those without, then the better match, then the earlier entry. */
function bestEntry(entries: readonly Descriptor[], matcher: PlatformMatcher): Descriptor | undefined {
  let best: Descriptor | undefined;
  for (const entry of entries) {
    if (entry.platform === undefined) best ??= entry;
    else if (matcher.matches(entry.platform) && goesBefore(entry.platform, best, matcher)) best = entry;
  }
  return best;
}

function goesBefore(platform: Platform, best: Descriptor | undefined, matcher: PlatformMatcher): boolean {
  return best?.platform === undefined || matcher.compare(platform, best.platform) < 0;
}

async function readConfig(
  job: JobContext,
  provider: ContentProvider,
  descriptor: Descriptor,
): Promise<Found<ImageConfig>> {
  const bytes = await fetchDocument(job, provider, descriptor);
  return { ...decodeConfig(bytes, documentName('image configuration', descriptor.digest, provider)), descriptor };
}

function checkLayers(manifest: Manifest, config: Found<ImageConfig>, provider: ContentProvider): void {
  const { diffIds } = config.value.rootfs;
  if (diffIds.length === manifest.layers.length) return;
  throw new CtxsrcError(
    'E_IMAGE_CONFIG_INVALID',
    `${documentName('image configuration', config.descriptor.digest, provider)}: rootfs.diff_ids has ${diffIds.length} entries, ` +
      `but the manifest has ${manifest.layers.length} layers`,
    { hint: IMAGE_INVALID },
  );
}

/**
 * The platforms of an index as text, each once; an entry without a platform is shown by its digest. Attestations, which
 * are marked `unknown/unknown`, are left out.
 */
export function platformNames(entries: readonly Descriptor[]): readonly string[] {
  const choosable = entries.filter(({ platform }) => platform?.os !== 'unknown');
  const names = choosable.map(({ platform, digest }) =>
    platform === undefined ? digest : formatPlatformAll(platform),
  );
  return [...new Set(names)];
}

/** The kinds of entries in an index without an image, each once. */
function besideTypes(entries: readonly Descriptor[]): readonly string[] {
  const types = entries.map((entry) => {
    return entry.artifactType ?? entry.annotations?.['vnd.docker.reference.type'] ?? entry.mediaType;
  });
  return [...new Set(types)];
}

/**
 * The error that lists the available platforms instead of the requested one; all of them are in the details.
 * @returns E_NOT_AN_IMAGE for an index without a usable entry, else E_PLATFORM_NOT_FOUND
 */
export function noMatch(requested: Platform, what: string, entries: readonly Descriptor[]): CtxsrcError {
  const wanted = formatPlatformAll(requested);
  const candidates = platformNames(entries);
  if (entries.length > 0 && candidates.length === 0) {
    const message = `${what} holds no image, only what belongs to one: ${listed(besideTypes(entries))}`;
    return new CtxsrcError('E_NOT_AN_IMAGE', message, {
      hint: 'name the image that it belongs to; --platform unknown/unknown says how the first of these is had',
    });
  }
  const there = candidates.length === 0 ? 'it is empty' : `there is ${listed(candidates)}`;
  const usual = candidates.find((name) => name.includes('/') && shortened(name) === name);
  return new CtxsrcError('E_PLATFORM_NOT_FOUND', `no image for ${wanted} in ${what}: ${there}`, {
    ...(usual === undefined ? {} : { hint: `choose one with --platform, for instance --platform ${usual}` }),
    details: { platform: wanted, candidates },
  });
}
