/** The facts of an image that `inspect` shows and `diff` compares: keys do not need this code. */
import type { Description } from '../contract/source.ts';
import type { Digest } from '../core/digest.ts';
import { formatPlatformAll, type Platform } from '../core/platform.ts';
import { decodeIndex } from '../oci/decode.ts';
import type { Descriptor } from '../oci/types.ts';
import type { ImageInstanceOptions, LoadedImage } from './instance.ts';
import { platformNames } from './select.ts';

/** The facts, typed. */
export interface ImageDescription extends Description {
  readonly platform: string;
  readonly imagePlatform: string;
  readonly digest: Digest;
  readonly mediaType: string;
  readonly pinned: string | undefined;
  readonly manifest: Digest;
  readonly config: Digest;
  readonly platforms: readonly string[];
  readonly layers: readonly {
    readonly digest: Digest;
    readonly mediaType: string;
    readonly size: number;
    readonly diffId: string;
  }[];
  readonly size: number;
  readonly annotations: Readonly<Record<string, string>> | undefined;
  readonly configuration: unknown;
  /** Only if details were asked for. */
  readonly detail?: ImageDetail | undefined;
}

/** What surrounds the image. */
export interface ImageDetail {
  /** The index that the reference points at, and its entries. */
  readonly index: Digest | undefined;
  readonly offered: readonly Descriptor[];
  readonly indexAnnotations: Readonly<Record<string, string>> | undefined;
  readonly descriptorAnnotations: Readonly<Record<string, string>> | undefined;
  /** The layers lie on this machine, and need no store. */
  readonly inPlace: boolean;
}

/**
 * @param shown the digest and platform that the image goes by
 * @param detailed with `detail`
 */
export function describeImage(
  { identifier, provider }: ImageInstanceOptions,
  loaded: LoadedImage,
  { digest, platform }: { readonly digest: Digest; readonly platform: Platform },
  detailed: boolean,
): ImageDescription {
  const offered = loaded.offered.length > 0 ? loaded.offered : (provider.offered?.() ?? []);
  return {
    identifier: String(identifier),
    platform: formatPlatformAll(platform),
    imagePlatform: formatPlatformAll(loaded.config.value.platform),
    digest,
    mediaType: loaded.root.mediaType,
    pinned: identifier.pinned?.(digest),
    manifest: loaded.manifest.descriptor.digest,
    config: loaded.config.descriptor.digest,
    platforms: platformNames(offered),
    layers: loaded.layers.map((layer, i) => ({
      digest: layer.digest,
      mediaType: layer.mediaType,
      size: layer.size,
      diffId: loaded.diffIds[i]!,
    })),
    size: loaded.layers.reduce((sum, layer) => sum + layer.size, 0),
    annotations: loaded.manifest.value.annotations,
    // For display only; nothing is decided by this parse of the bytes.
    configuration: JSON.parse(Buffer.from(loaded.config.bytes).toString()) as unknown,
    ...(detailed ? { detail: detailOf(loaded, offered, provider.repository === undefined) } : {}),
  };
}

function detailOf({ indexes, manifest }: LoadedImage, offered: readonly Descriptor[], inPlace: boolean): ImageDetail {
  const [root] = indexes;
  return {
    index: root?.descriptor.digest,
    offered,
    indexAnnotations:
      root === undefined ? undefined : decodeIndex(root.bytes, root.descriptor.mediaType, 'index').value.annotations,
    descriptorAnnotations: manifest.descriptor.annotations,
    inPlace,
  };
}
