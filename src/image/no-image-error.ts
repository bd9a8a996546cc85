/** What is said of content that is no image, and how to get what it holds. */
import type { Digest } from '../core/digest.ts';
import { CtxsrcError } from '../core/errors.ts';
import { shortened } from '../core/printable.ts';
import { CACHE_CONFIG, isConfigType, isEncryptedType } from '../oci/media-types.ts';
import type { Descriptor, Manifest } from '../oci/types.ts';
import type { ContentProvider } from './provider.ts';

/** By a word in a media type; any other type is an artifact. */
const KINDS: readonly (readonly [RegExp, string])[] = [
  [/buildkit\.cacheconfig/, 'a BuildKit cache'],
  [/simplesigning|sigstore|cosign|notary|signature/, 'a signature'],
  [/in-toto|dsse|attestation/, 'an attestation'],
  [/spdx|cyclonedx|syft/, 'a list of software (SBOM)'],
  [/helm/, 'a Helm chart'],
  [/nydus/, 'a Nydus image'],
  [/wasm/, 'a WebAssembly module'],
  [/sylabs|singularity|\.sif$/, 'a Singularity image'],
  [/docker\.plugin/, 'a Docker plugin'],
];

const CACHE_HINT = 'a build reads it by --cache-from; name the image that the build pushed';

const MAX_BLOBS_IN_DETAILS = 100;

/** @param isConfiguration it is one, and not a layer or another blob */
export function partError(isConfiguration: boolean, digest: Digest, provider: ContentProvider): CtxsrcError {
  const what = isConfiguration ? 'the configuration of an image, an image ID,' : 'a layer or another blob';
  return new CtxsrcError('E_NOT_AN_IMAGE', `${digest} is ${what} and no manifest`, {
    hint: `name the digest of the manifest, which ctxsrc digest prints; as a file it is ${provider.blobReference?.(digest)}`,
  });
}

/** @param what the index, for messages */
export function cacheError(what: string): CtxsrcError {
  return noImage(what, CACHE_CONFIG, CACHE_HINT);
}

/**
 * @param odd the first layer that is certainly no archive of files
 * @param what the manifest, for messages
 */
export function noImageError(
  manifest: Manifest,
  odd: Descriptor | undefined,
  what: string,
  provider: ContentProvider,
): CtxsrcError {
  const { config, layers, artifactType } = manifest;
  if (!isConfigType(config.mediaType)) {
    const types = [artifactType, config.mediaType, ...layers.map((layer) => layer.mediaType)];
    const telling = types.find((type) => type !== undefined && kindOf(type) !== undefined);
    const type = telling ?? (artifactType || config.mediaType);
    return noImage(what, type, type === CACHE_CONFIG ? CACHE_HINT : blobHint(manifest, provider), layers);
  }
  const encrypted = layers.find(({ mediaType }) => isEncryptedType(mediaType));
  if (encrypted !== undefined) {
    return new CtxsrcError('E_NOT_AN_IMAGE', `${what} has encrypted layers: ${shown(encrypted.mediaType)}`, {
      hint: 'decrypt it first: skopeo copy --decryption-key KEY FROM oci:DIR:latest, then name oci-layout://DIR',
      details: { mediaType: encrypted.mediaType },
    });
  }
  const type = odd?.mediaType ?? '';
  const nydus = 'nydus keeps files in a form of its own: name the image that it was converted from';
  return noImage(what, type, kindOf(type) === 'a Nydus image' ? nydus : blobHint(manifest, provider), layers);
}

function noImage(what: string, type: string, hint: string, blobs: readonly Descriptor[] = []): CtxsrcError {
  const kind = kindOf(type) ?? 'an artifact';
  const details = blobs.slice(0, MAX_BLOBS_IN_DETAILS).map(({ mediaType, digest, size, annotations }) => ({
    mediaType,
    digest,
    size,
    title: annotations?.['org.opencontainers.image.title'],
  }));
  return new CtxsrcError('E_NOT_AN_IMAGE', `${what} is no image of files but ${kind}: ${shown(type)}`, {
    hint,
    details: { mediaType: type, blobs: details },
  });
}

/** Its content can be fetched as a file, by a reference to the blob. */
function blobHint({ config, layers }: Manifest, provider: ContentProvider): string {
  // A Helm chart may be accompanied by its signature.
  const [blob = config] = layers.filter(({ mediaType }) => !/provenance/.test(mediaType));
  const way = provider.blobReference?.(blob.digest);
  if (way === undefined) return `what it holds is the blob ${blob.digest}`;
  return layers.length > 1
    ? `it holds ${layers.length} blobs, each to be had as a file, for instance ${way}`
    : `what it holds is to be had as a file: ${way}`;
}

function kindOf(mediaType: string): string | undefined {
  return KINDS.find(([word]) => word.test(mediaType))?.[1];
}

function shown(mediaType: string): string {
  return shortened(mediaType) || 'it has no media type';
}
