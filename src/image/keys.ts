/** The two keys of an image, exactly BuildKit's (`docs/buildkit.md#keys-of-an-image`). */
import { chainId } from '../core/chain-id.ts';
import { type Digest, sha256 } from '../core/digest.ts';
import { CtxsrcError } from '../core/errors.ts';
import { encodeGoJson } from '../core/go/json-encode.ts';
import type { Platform } from '../core/platform.ts';
import type { ImageConfig } from '../oci/types.ts';

/**
 * The manifest key (index 0): it depends on the root digest, the requested platform and the layer limit.
 * @param platform as requested, not that of the chosen manifest
 */
export function manifestKey(
  root: Digest,
  platform: Platform,
  layerLimit: number | undefined,
): { readonly key: Digest; readonly preimage: string } {
  const preimage = encodeGoJson({
    Digest: root,
    OS: platform.os,
    Arch: platform.architecture,
    Variant: platform.variant || undefined,
    OSVersion: platform['os.version'] || undefined,
    OSFeatures: platform['os.features']?.length ? platform['os.features'] : undefined,
    Limit: layerLimit,
  });
  return { key: sha256(preimage), preimage };
}

/**
 * The config key (index 1): the chain ID of the diff IDs, unchanged. Undefined if there are none, or if they are not
 * those of layers; the manifest key is used instead.
 */
export function configKey(config: ImageConfig, layerLimit: number | undefined): string | undefined {
  if (config.rootfs.type !== 'layers') return undefined;
  return chainId(config.rootfs.diffIds.slice(0, layerLimit)) || undefined;
}

/**
 * The first N layers of an image, or all.
 * @throws E_LAYER_LIMIT if there are fewer
 */
export function limitLayers<T>(layers: readonly T[], limit: number | undefined): readonly T[] {
  if (limit !== undefined && limit > layers.length) {
    const message = `layer limit ${limit} is greater than the number of layers in the image, ${layers.length}`;
    throw new CtxsrcError('E_LAYER_LIMIT', message, { hint: `use --layer-limit ${layers.length} or less` });
  }
  return layers.slice(0, limit);
}
