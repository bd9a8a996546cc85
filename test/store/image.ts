import { randomBytes } from 'node:crypto';
import type { Store } from '../../src/contract/store.ts';
import { chainId } from '../../src/core/chain-id.ts';
import { type Digest, sha256 } from '../../src/core/digest.ts';
import { MEDIA_TYPE } from '../../src/oci/media-types.ts';
import type { Descriptor } from '../../src/oci/types.ts';

export interface StoredImage {
  readonly root: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly config: Descriptor;
  readonly chainId: string;
}

/** Puts an image of random layers into the store and enters it under `name`. */
export async function storeImage(
  store: Store,
  name: string,
  sizes: readonly number[] | readonly Buffer[],
): Promise<StoredImage> {
  const put = async (mediaType: string, bytes: Buffer): Promise<Descriptor> => {
    const digest = sha256(bytes);
    await store.blobs.put(digest, bytes);
    return { mediaType, digest, size: bytes.length };
  };
  const layers: Descriptor[] = [];
  for (const size of sizes) {
    layers.push(await put(MEDIA_TYPE.ociLayerTar, typeof size === 'number' ? randomBytes(size) : size));
  }
  const diffIds: readonly Digest[] = layers.map(({ digest }) => digest);
  const config = await put(
    MEDIA_TYPE.ociConfig,
    Buffer.from(
      JSON.stringify({ architecture: 'amd64', os: 'linux', config: {}, rootfs: { type: 'layers', diff_ids: diffIds } }),
    ),
  );
  const manifest = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociManifest, config, layers };
  const root = await put(MEDIA_TYPE.ociManifest, Buffer.from(JSON.stringify(manifest)));
  await store.tagImage(name, root);
  return { root, layers, config, chainId: chainId(diffIds)! };
}
