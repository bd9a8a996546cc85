/** The media type of a manifest whose server does not state it. */
import { jsonObject } from '../core/is-object.ts';
import { detectMediaType } from '../oci/decode.ts';
import { MEDIA_TYPE } from '../oci/media-types.ts';

/** The media types in the Accept header for a manifest. */
export const MANIFEST_ACCEPT = [
  MEDIA_TYPE.ociIndex,
  MEDIA_TYPE.ociManifest,
  MEDIA_TYPE.dockerIndex,
  MEDIA_TYPE.dockerManifest,
  '*/*',
].join(', ');

/** Types that say nothing about a manifest: given by servers that do not know better. */
const GENERIC = new Set([
  'application/json',
  'application/octet-stream',
  'binary/octet-stream',
  'text/plain',
  'text/html',
]);

/** The type if it is specific. */
export function telling(mediaType: string | undefined): string | undefined {
  return mediaType === undefined || GENERIC.has(mediaType) ? undefined : mediaType;
}

/**
 * The type that a document states, or shows by its members as in BuildKit; undefined if it is not a manifest.
 * E_MANIFEST_INVALID when it contradicts itself.
 */
export function manifestTypeOf(bytes: Uint8Array, what: string): string | undefined {
  const document = jsonObject(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString());
  if (document === undefined) return undefined;
  if ('fsLayers' in document) return MEDIA_TYPE.dockerSchema1;
  const members = ['manifests', 'layers', 'config'];
  return members.some((name) => name in document) ? detectMediaType(bytes, what) : undefined;
}
