/** The images that the store lists, with their layers, as far as their documents are there. Parsed leniently. */
import { readFile } from 'node:fs/promises';
import type { BlobStore } from '../contract/blobs.ts';
import type { StoredImage } from '../contract/store.ts';
import { type Digest, isDigest } from '../core/digest.ts';
import { isObject } from '../core/is-object.ts';
import { MAX_DOCUMENT_BYTES } from '../oci/decode.ts';
import { isIndexType, isManifestType } from '../oci/media-types.ts';
import { type IndexFile, imageName } from './index-file.ts';

/** More images, and more of one index, are not looked at. */
const MOST = 2_000;

export async function storedImages(index: IndexFile, blobs: Pick<BlobStore, 'size' | 'path'>): Promise<StoredImage[]> {
  const read = async (digest: unknown): Promise<unknown> => {
    if (typeof digest !== 'string' || !isDigest(digest)) return undefined;
    const size = await blobs.size(digest);
    if (size === undefined || size > MAX_DOCUMENT_BYTES) return undefined;
    return readFile(blobs.path(digest), 'utf8')
      .then(JSON.parse)
      .catch(() => undefined);
  };
  const images: StoredImage[] = [];
  const addManifest = async (name: string, root: Digest, digest: unknown): Promise<void> => {
    const manifest = await read(digest);
    const config = isObject(manifest) && isObject(manifest.config) ? await read(manifest.config.digest) : undefined;
    const diffIds = isObject(config) && isObject(config.rootfs) ? config.rootfs.diff_ids : undefined;
    if (!Array.isArray(diffIds) || !diffIds.every((id) => typeof id === 'string')) return;
    images.push({ name, digest: root, manifest: digest as Digest, diffIds });
  };
  for (const descriptor of (await index.images()).slice(0, MOST)) {
    const { digest, mediaType } = descriptor;
    if (isManifestType(mediaType)) await addManifest(imageName(descriptor), digest, digest);
    if (!isIndexType(mediaType)) continue;
    const index = await read(digest);
    const entries: readonly unknown[] = isObject(index) && Array.isArray(index.manifests) ? index.manifests : [];
    for (const entry of entries.slice(0, MOST)) {
      if (isObject(entry)) await addManifest(imageName(descriptor), digest, entry.digest);
    }
  }
  return images;
}
