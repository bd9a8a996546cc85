/** Unpacks layers given as bytes, with blobs in a directory and no store around them. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RecipeLayer, WriteOptions, WriteReport } from '../../src/contract/ref.ts';
import type { JobContext } from '../../src/contract/session.ts';
import type { Store } from '../../src/contract/store.ts';
import type { Digest } from '../../src/core/digest.ts';
import { unpackLayers } from '../../src/image/unpack/unpack.ts';

export interface LayerBytes {
  /** As in the registry, compressed or not. */
  readonly blob: Uint8Array;
  /** Digest of the archive; that of the blob unless given. */
  readonly diffId?: Digest | undefined;
}

/** `sha256:` of bytes. */
export function sha256Of(bytes: Uint8Array): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** @param scratch a directory for the blobs; they are removed afterwards */
export async function unpackBytes(
  job: JobContext,
  scratch: string,
  layers: readonly LayerBytes[],
  dir: string,
  options: WriteOptions,
): Promise<WriteReport> {
  const blobDir = join(scratch, 'blobs');
  mkdirSync(blobDir, { recursive: true });
  const path = (digest: Digest): string => join(blobDir, digest.slice(7));
  const blobs: Pick<Store['blobs'], 'path' | 'size'> & { discard(digest: Digest): Promise<void> } = {
    path,
    size: async (digest) => (existsSync(path(digest)) ? statSync(path(digest)).size : undefined),
    discard: async () => undefined,
  };
  const recipe = layers.map(({ blob, diffId }): RecipeLayer => {
    const digest = sha256Of(blob);
    writeFileSync(path(digest), blob);
    return {
      descriptor: { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest, size: blob.length },
      diffId: diffId ?? digest,
      chainId: digest,
      fetch: async () => undefined,
    };
  });
  try {
    return await unpackLayers(job, { blobs } as unknown as Store, recipe, dir, options);
  } finally {
    rmSync(blobDir, { recursive: true, force: true });
  }
}
