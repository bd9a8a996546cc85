/**
 * Content that has the form of an image in registries and layouts but is not an image: signatures, attestations,
 * charts, build caches, encrypted layers. Its media types show it, before a key is made.
 */
import type { Digest } from '../core/digest.ts';
import { CtxsrcError } from '../core/errors.ts';
import { jsonObject } from '../core/is-object.ts';
import { shortened } from '../core/printable.ts';
import { isConfigType } from '../oci/media-types.ts';
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

/**
 * Media types of layers that are certainly not archives of files. All others are tried: tools use media types of their
 * own, and the bytes decide.
 */
const NO_LAYER = /[/+](?:json|xml|wasm|protobuf)$|^text\/|nydus\.blob|\.sif$|squashfs|erofs/;

/** The index entry by which BuildKit recognises its cache. */
const CACHE_CONFIG = 'application/vnd.buildkit.cacheconfig.v0';

const CACHE_HINT = 'a build reads it by --cache-from; name the image that the build pushed';

const MAX_BLOBS_IN_DETAILS = 100;

/** True if an entry of an index accompanies an image and is not one itself, as attestations and signatures do. */
export function liesBeside({ platform, artifactType }: Descriptor): boolean {
  return platform?.os === 'unknown' || (artifactType !== undefined && !isConfigType(artifactType));
}

/**
 * Reports a digest that is a part of an image: a layer, or a configuration, whose digest docker shows as the image's
 * ID.
 * @throws E_NOT_AN_IMAGE
 */
export function refusePart(bytes: Uint8Array, digest: Digest, provider: ContentProvider): void {
  const document = jsonObject(Buffer.from(bytes).toString());
  if (document !== undefined && (!('rootfs' in document) || 'layers' in document || 'manifests' in document)) return;
  const what = document === undefined ? 'a layer or another blob' : 'the configuration of an image, an image ID,';
  throw new CtxsrcError('E_NOT_AN_IMAGE', `${digest} is ${what} and no manifest`, {
    hint: `name the digest of the manifest, which ctxsrc digest prints; as a file it is ${provider.blobReference?.(digest)}`,
  });
}

/** @throws E_NOT_AN_IMAGE for a BuildKit cache */
export function refuseCacheIndex(entries: readonly Descriptor[], what: string): void {
  if (entries.some((entry) => entry.mediaType === CACHE_CONFIG)) throw noImage(what, CACHE_CONFIG, CACHE_HINT);
}

/** An encrypted image, which only holders of the key can use. */
export function isEncrypted({ config, layers }: Manifest): boolean {
  return isConfigType(config.mediaType) && layers.some(isEncryptedLayer);
}

const isEncryptedLayer = ({ mediaType }: Descriptor): boolean => mediaType.endsWith('+encrypted');

/**
 * @param what the manifest, for messages
 * @throws E_NOT_AN_IMAGE, with a hint how to get its content
 */
export function refuseNoImage(manifest: Manifest, what: string, provider: ContentProvider): void {
  const { config, layers, artifactType } = manifest;
  if (!isConfigType(config.mediaType)) {
    const types = [artifactType, config.mediaType, ...layers.map((layer) => layer.mediaType)];
    const telling = types.find((type) => type !== undefined && kindOf(type) !== undefined);
    const type = telling ?? (artifactType || config.mediaType);
    throw noImage(what, type, type === CACHE_CONFIG ? CACHE_HINT : blobHint(manifest, provider), layers);
  }
  const encrypted = layers.find(isEncryptedLayer);
  if (encrypted !== undefined) {
    throw new CtxsrcError('E_NOT_AN_IMAGE', `${what} has encrypted layers: ${shown(encrypted.mediaType)}`, {
      hint: 'decrypt it first: skopeo copy --decryption-key KEY FROM oci:DIR:latest, then name oci-layout://DIR',
      details: { mediaType: encrypted.mediaType },
    });
  }
  const odd = layers.find((layer) => NO_LAYER.test(layer.mediaType));
  if (odd === undefined) return;
  const nydus = 'nydus keeps files in a form of its own: name the image that it was converted from';
  throw noImage(
    what,
    odd.mediaType,
    kindOf(odd.mediaType) === 'a Nydus image' ? nydus : blobHint(manifest, provider),
    layers,
  );
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
