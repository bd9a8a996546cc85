/** The instance that all image sources share: keys, digests, description, pull and snapshot of a provider's content. */
import type { JobContext } from '../contract/session.ts';
import type {
  CacheKeyResult,
  CacheOpts,
  DescriptorHandler,
  Identifier,
  SourceEnv,
  SourceInstance,
} from '../contract/source.ts';
import type { Digest } from '../core/digest.ts';
import { CtxsrcError } from '../core/errors.ts';
import { Once } from '../core/once.ts';
import { formatPlatformAll, normalizePlatform, type Platform } from '../core/platform.ts';
import { platformMatcher } from '../core/platform-match.ts';
import { shortened } from '../core/printable.ts';
import { warnOrRefuse } from '../core/progress.ts';
import { DEFAULT_MAX_BYTES } from '../core/read-limits.ts';
import type { Descriptor } from '../oci/types.ts';
import { isElsewhere } from './foreign-layer.ts';
import { configKey, limitLayers, manifestKey } from './keys.ts';
import type { ContentProvider } from './provider.ts';
import { fetchLayer, refuseLarger } from './pull.ts';
import { platformNames, type SelectedImage, selectImage } from './select.ts';

export interface ImageInstanceOptions {
  readonly identifier: Identifier;
  readonly provider: ContentProvider;
  readonly env: SourceEnv;
  /** The platform for the manifest key. */
  readonly platform: Platform;
  /** True if the user asked for the platform, false for the default. */
  readonly platformAsked: boolean;
  readonly layerLimit?: number | undefined;
  /** The root digest has to be this one. */
  readonly checksum?: Digest | undefined;
  /** If the root is not an index, there is nothing to choose: the key then has the image's own platform. */
  readonly platformOfImage?: boolean | undefined;
  /** The origin has no manifest of its own, so the root digest is that of the configuration. */
  readonly rootIsConfig?: boolean | undefined;
}

/** A selected image, with everything its keys and layers depend on. */
export interface LoadedImage extends SelectedImage {
  /** Limited by `layer-limit`, as are the next two members. */
  readonly layers: readonly Descriptor[];
  readonly diffIds: readonly string[];
  readonly opts: CacheOpts;
}

/** Binds an image reference to its environment. Nothing is read or requested before the first call. */
export function imageInstance(request: ImageInstanceOptions): SourceInstance {
  const { provider, env, platform, layerLimit, identifier } = request;
  const root = new Once<Descriptor>();
  const image = new Once<LoadedImage>();

  const getRoot = (job: JobContext): Promise<Descriptor> =>
    root.runFor(job.signal, async () => {
      const descriptor = await provider.resolve(job);
      checkRoot(descriptor, request);
      return descriptor;
    });

  const getImage = (job: JobContext): Promise<LoadedImage> =>
    image.runFor(job.signal, async () => {
      const selected = await selectImage(job, provider, await getRoot(job), platform);
      if (request.platformAsked) warnOfPlatform(job, request, selected);
      const layers = limitLayers(selected.manifest.value.layers, layerLimit);
      const diffIds = selected.config.value.rootfs.diffIds.slice(0, layers.length);
      return { ...selected, layers, diffIds, opts: handlers(layers, diffIds) };
    });

  const rootDigest = ({ root: manifest, config }: LoadedImage): Digest =>
    request.rootIsConfig === true ? config.descriptor.digest : manifest.digest;

  const keyPlatform = ({ indexes, config }: LoadedImage): Platform =>
    request.platformOfImage === true && indexes.length === 0 ? normalizePlatform(config.value.platform) : platform;

  function handlers(layers: readonly Descriptor[], diffIds: readonly string[]): CacheOpts {
    const handler = (descriptor: Descriptor, i: number): DescriptorHandler => ({
      descriptor,
      diffId: diffIds[i],
      fetch: (job) => fetchLayer(job, env, provider, descriptor),
    });
    return new Map(layers.map((descriptor, i) => [descriptor.digest, handler(descriptor, i)]));
  }

  return {
    async cacheKey(job, index): Promise<CacheKeyResult> {
      const loaded = await getImage(job);
      const pin = rootDigest(loaded);
      const key = index > 0 ? configKey(loaded.config.value, layerLimit) : undefined;
      const shown = key === undefined ? manifestKey(pin, keyPlatform(loaded), layerLimit) : { key };
      return { pin, done: index > 0, opts: loaded.opts, ...shown };
    },

    async digests(job) {
      const { digest, mediaType, size } =
        request.rootIsConfig === true ? (await getImage(job)).config.descriptor : await getRoot(job);
      return {
        digest,
        mediaType,
        size,
        pinned: identifier.pinned?.(digest),
        manifest: async () => (await getImage(job)).manifest.descriptor.digest,
        config: async () => (await getImage(job)).config.descriptor.digest,
        imagePlatform: async () => formatPlatformAll((await getImage(job)).config.value.platform),
      };
    },

    async describe(job, { detailed = false } = {}) {
      const loaded = await getImage(job);
      const { describeImage } = await import('./describe.ts');
      const shown = { digest: rootDigest(loaded), platform: keyPlatform(loaded) };
      return describeImage(request, loaded, shown, detailed);
    },

    async image(job) {
      const { manifest, config } = await getImage(job);
      return {
        manifest: { descriptor: manifest.descriptor, bytes: manifest.bytes },
        config: { descriptor: config.descriptor, bytes: config.bytes },
      };
    },

    async content(job) {
      const { imageContent } = await import('./content.ts');
      return imageContent(request, {
        root: await getRoot(job),
        manifest: async (job) => (await getImage(job)).manifest.descriptor,
        layerFile,
      });
    },

    async candidates(job) {
      if (provider.candidates !== undefined) return provider.candidates(job);
      return platformNames((await getImage(job)).offered);
    },

    async pull(job) {
      const loaded = await getImage(job);
      refuseLarger(loaded.layers, env.limits?.maxBytes ?? DEFAULT_MAX_BYTES, provider.storeName);
      for (const { descriptor, bytes } of [...loaded.indexes, loaded.manifest, loaded.config]) {
        if ((await env.store.blobs.size(descriptor.digest)) === undefined) {
          await env.store.blobs.put(descriptor.digest, bytes);
        }
      }
      // Keys do not need this code.
      const { pullLayers } = await import('./pull-layers.ts');
      await pullLayers(job, env, provider, loaded.layers);
      await env.store.tagImage(provider.storeName, loaded.root);
    },

    async snapshot(job) {
      const loaded = await getImage(job);
      if (loaded.layers.length === 0) return null;
      const { imageRecipe } = await import('./recipe.ts');
      return env.store.ref(await imageRecipe(request, loaded, layerFile));
    },
  };

  /** Undefined also for a layer that is not in the user's layout. */
  async function layerFile(descriptor: Descriptor): Promise<string | undefined> {
    try {
      return await provider.layerFile?.(descriptor);
    } catch (error) {
      if (isElsewhere(error, descriptor)) return undefined;
      throw error;
    }
  }
}

/** The annotation of a manifest that this program made from a source's files: it fits any platform. */
const MADE_OF_SOURCE = 'dev.ctxsrc.format';

/**
 * Without an index there is nothing to choose, and the image is used whatever its platform, as in BuildKit. A user who
 * asked for another platform is warned. A configuration without a platform proves nothing.
 */
function warnOfPlatform(
  job: JobContext,
  { identifier, platform: requested }: ImageInstanceOptions,
  { indexes, manifest, config }: SelectedImage,
): void {
  const { platform } = config.value;
  if (indexes.length > 0 || platform.architecture === '' || platformMatcher(requested).matches(platform)) return;
  if (manifest.value.annotations?.[MADE_OF_SOURCE] !== undefined) return;
  const found = shortened(formatPlatformAll(platform));
  warnOrRefuse(
    job,
    'E_PLATFORM_NOT_FOUND',
    `${identifier} is an image for ${found} and no other platform, not for ${formatPlatformAll(requested)}`,
    `ask for what it is with --platform ${found}, or name an image that has the other platform`,
  );
}

function checkRoot({ digest }: Descriptor, { checksum, identifier }: ImageInstanceOptions): void {
  if (checksum === undefined || checksum === digest) return;
  const message = `${identifier} has the digest ${digest}, which is not the expected ${checksum}`;
  throw new CtxsrcError('E_CHECKSUM_MISMATCH', message, {
    hint: 'the image was pushed anew: review it, then use the new digest',
    details: { expected: checksum, actual: digest },
  });
}
