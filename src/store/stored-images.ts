/** The images that the store lists, with their layers, as far as their documents are there. Parsed leniently. */
import { readFile } from 'node:fs/promises';
import type { BlobStore } from '../contract/blobs.ts';
import type { StoredImage } from '../contract/store.ts';
import { type Digest, isDigest } from '../core/digest.ts';
import { memberOf } from '../core/json-members.ts';
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
    const config = await read(memberOf(memberOf(manifest, 'config'), 'digest'));
    const diffIds = memberOf(memberOf(config, 'rootfs'), 'diff_ids');
    if (!Array.isArray(diffIds) || !diffIds.every((id) => typeof id === 'string')) return;
    images.push({ name, digest: root, manifest: digest as Digest, diffIds });
  };
  for (const descriptor of (await index.images()).slice(0, MOST)) {
    const { digest, mediaType } = descriptor;
    if (isManifestType(mediaType)) await addManifest(imageName(descriptor), digest, digest);
    if (!isIndexType(mediaType)) continue;
    const entries = memberOf(await read(digest), 'manifests');
    for (const entry of Array.isArray(entries) ? entries.slice(0, MOST) : [])
      await addManifest(imageName(descriptor), digest, memberOf(entry, 'digest'));
  }
  return images;
}
