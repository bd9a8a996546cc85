/** The facts of an image that `inspect` shows and `diff` compares: keys do not need this code. */
import type { Description } from '../contract/source.ts';
import type { Digest } from '../core/digest.ts';
import { formatPlatformAll, type Platform } from '../core/platform.ts';
import type { ImageInstanceOptions, LoadedImage } from './instance.ts';
import { platformNames } from './select.ts';

/** @param shown the digest and platform that the image goes by */
export function describeImage(
  { identifier, provider }: ImageInstanceOptions,
  loaded: LoadedImage,
  { digest, platform }: { readonly digest: Digest; readonly platform: Platform },
): Description {
  return {
    identifier: String(identifier),
    platform: formatPlatformAll(platform),
    imagePlatform: formatPlatformAll(loaded.config.value.platform),
    digest,
    mediaType: loaded.root.mediaType,
    pinned: identifier.pinned?.(digest),
    manifest: loaded.manifest.descriptor.digest,
    config: loaded.config.descriptor.digest,
    platforms: platformNames(loaded.offered.length > 0 ? loaded.offered : (provider.offered?.() ?? [])),
    layers: loaded.layers.map((layer, i) => ({
      digest: layer.digest,
      mediaType: layer.mediaType,
      size: layer.size,
      diffId: loaded.diffIds[i],
    })),
    size: loaded.layers.reduce((sum, layer) => sum + layer.size, 0),
    annotations: loaded.manifest.value.annotations,
    // For display only; nothing is decided by this parse of the bytes.
    configuration: JSON.parse(Buffer.from(loaded.config.bytes).toString()) as unknown,
  };
}
