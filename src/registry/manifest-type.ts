/** The media type of a manifest whose server does not say it. */
import { isIndexType, isManifestType, isSchema1Type, MEDIA_TYPE } from '../oci/media-types.ts';

/** What a manifest may be asked for as. */
export const MANIFEST_ACCEPT = [
  MEDIA_TYPE.ociIndex,
  MEDIA_TYPE.ociManifest,
  MEDIA_TYPE.dockerIndex,
  MEDIA_TYPE.dockerManifest,
  '*/*',
].join(', ');

/** Types that say nothing about a manifest: given by servers that do not know or do not care. */
const GENERIC = new Set([
  'application/json',
  'application/octet-stream',
  'binary/octet-stream',
  'text/plain',
  'text/html',
]);

/** The type when it says something. */
export function telling(mediaType: string | undefined): string | undefined {
  return mediaType === undefined || GENERIC.has(mediaType) ? undefined : mediaType;
}

/** The type that a document claims or shows by its members; undefined when it is no manifest. */
export function manifestTypeOf(bytes: Uint8Array): string | undefined {
  let document: unknown;
  try {
    document = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
  } catch {
    return undefined;
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document)) return undefined;
  const { mediaType } = document as { mediaType?: unknown };
  if (
    typeof mediaType === 'string' &&
    (isManifestType(mediaType) || isIndexType(mediaType) || isSchema1Type(mediaType))
  ) {
    return mediaType;
  }
  if ('fsLayers' in document) return MEDIA_TYPE.dockerSchema1;
  // Documents of Docker's types always name their type; those of OCI may leave it out.
  if ('manifests' in document) return MEDIA_TYPE.ociIndex;
  if ('layers' in document || 'config' in document) return MEDIA_TYPE.ociManifest;
  return undefined;
}
