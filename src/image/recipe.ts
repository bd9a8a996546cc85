/** How an image becomes files: keys need none of this code. */
import type { Recipe, RecipeLayer } from '../contract/ref.ts';
import { chainIds } from '../core/chain-id.ts';
import { type Digest, digestHex, digestProblem } from '../core/digest.ts';
import { CtxsrcError } from '../core/errors.ts';
import { IMAGE_INVALID } from '../core/integrity-hints.ts';
import type { Descriptor } from '../oci/types.ts';
import type { ImageInstanceOptions, LoadedImage } from './instance.ts';
import { documentName } from './provider.ts';
import { fetchLayer, refuseLarger } from './pull.ts';

/**
 * The recipe of an image's files.
 * @param layerFile the file of a layer that lies on this machine
 * @throws E_IMAGE_CONFIG_INVALID for a diff ID that is none
 */
export async function imageRecipe(
  { provider, env }: ImageInstanceOptions,
  loaded: LoadedImage,
  layerFile: (descriptor: Descriptor) => Promise<string | undefined>,
): Promise<Recipe> {
  const layers = await recipeLayers(loaded);
  if (layers.some(({ file }) => file === undefined)) await remember(loaded, layers);
  return recipe(layers);

  /** The record refers to the blobs that the snapshot adds to the store: they are not collected while it exists. */
  async function remember(loaded: LoadedImage, layers: readonly RecipeLayer[]): Promise<void> {
    const documents = [...loaded.indexes, loaded.manifest, loaded.config].map(({ descriptor }) => descriptor.digest);
    await env.store.records.set('image', provider.storeName, {
      documents,
      layers: layers.map(({ descriptor }) => descriptor.digest),
      // Without their algorithm they are no blobs: a layer that is not compressed has the digest of its content.
      diffIds: layers.map(({ diffId }) => digestHex(diffId)),
      chainId: layers.at(-1)!.chainId,
    });
  }

  async function recipeLayers({ layers, diffIds, config }: LoadedImage): Promise<readonly RecipeLayer[]> {
    const chain = chainIds(diffIds);
    return Promise.all(
      layers.map(async (descriptor, i): Promise<RecipeLayer> => {
        const problem = digestProblem(diffIds[i]!);
        if (problem !== undefined) {
          const message = `${documentName('image configuration', config.descriptor.digest, provider)}: rootfs.diff_ids[${i}]: ${problem}`;
          throw new CtxsrcError('E_IMAGE_CONFIG_INVALID', message, { hint: IMAGE_INVALID });
        }
        return {
          descriptor,
          diffId: diffIds[i] as Digest,
          chainId: chain[i]!,
          file: await layerFile(descriptor),
          fetch: (job, growth) => fetchLayer(job, env, provider, descriptor, { growth }),
        };
      }),
    );
  }

  /** Only layers that have to be downloaded count: what the local ones unpack to is counted when they are read. */
  async function refuseFetchingMore(layers: readonly RecipeLayer[], maxBytes: number): Promise<void> {
    const elsewhere = layers
      .map(({ descriptor }) => descriptor)
      .filter(({ urls }) => provider.phase === 'download' || urls !== undefined);
    const sizes = await Promise.all(elsewhere.map(({ digest }) => env.store.blobs.size(digest)));
    const missing = elsewhere.filter((_, i) => sizes[i] === undefined);
    refuseLarger(missing, maxBytes, provider.storeName);
  }

  function recipe(layers: readonly RecipeLayer[]): Recipe {
    return {
      id: layers.at(-1)!.chainId,
      layers,
      produce: async (job, dir, options) => {
        await refuseFetchingMore(layers, options.limits.maxBytes);
        const { unpackLayers } = await import('./unpack/unpack.ts');
        return unpackLayers(job, env.store, layers, dir, options);
      },
      prefix: (count) => recipe(layers.slice(0, count)),
    };
  }
}
