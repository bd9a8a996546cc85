/**
 * Content that has the form of an image in registries and layouts but is not an image: signatures, attestations,
 * charts, build caches, encrypted layers. Its media types show it, before a key is made. What is said of it is loaded
 * then.
 */
import type { Digest } from '../core/digest.ts';
import { jsonObject } from '../core/is-object.ts';
import { CACHE_CONFIG, isConfigType, isEncryptedType } from '../oci/media-types.ts';
import type { Descriptor, Manifest } from '../oci/types.ts';
import type { ContentProvider } from './provider.ts';

/**
 * Media types of layers that are certainly not archives of files. All others are tried: tools use media types of their
 * own, and the bytes decide.
 */
const NO_LAYER = /[/+](?:json|xml|wasm|protobuf)$|^text\/|nydus\.blob|\.sif$|squashfs|erofs/;

/** True if an entry of an index accompanies an image and is not one itself, as attestations and signatures do. */
export function liesBeside({ platform, artifactType }: Descriptor): boolean {
  return platform?.os === 'unknown' || (artifactType !== undefined && !isConfigType(artifactType));
}

/**
 * Reports a digest that is a part of an image: a layer, or a configuration, whose digest docker shows as the image's
 * ID.
 * @throws E_NOT_AN_IMAGE
 */
export async function refusePart(bytes: Uint8Array, digest: Digest, provider: ContentProvider): Promise<void> {
  const document = jsonObject(Buffer.from(bytes).toString());
  if (document !== undefined && (!('rootfs' in document) || 'layers' in document || 'manifests' in document)) return;
  const { partError } = await import('./no-image-error.ts');
  throw partError(document !== undefined, digest, provider);
}

/** @throws E_NOT_AN_IMAGE for a BuildKit cache */
export async function refuseCacheIndex(entries: readonly Descriptor[], what: string): Promise<void> {
  if (!entries.some((entry) => entry.mediaType === CACHE_CONFIG)) return;
  const { cacheError } = await import('./no-image-error.ts');
  throw cacheError(what);
}

/** An encrypted image, which only holders of the key can use. */
export function isEncrypted({ config, layers }: Manifest): boolean {
  return isConfigType(config.mediaType) && layers.some(({ mediaType }) => isEncryptedType(mediaType));
}

/**
 * @param what the manifest, for messages
 * @throws E_NOT_AN_IMAGE, with a hint how to get its content
 */
export async function refuseNoImage(manifest: Manifest, what: string, provider: ContentProvider): Promise<void> {
  const odd = manifest.layers.find(({ mediaType }) => NO_LAYER.test(mediaType));
  if (isConfigType(manifest.config.mediaType) && !isEncrypted(manifest) && odd === undefined) return;
  const { noImageError } = await import('./no-image-error.ts');
  throw noImageError(manifest, odd, what, provider);
}
