/** The attributes that all image sources share, and how their values are parsed. */
import type { AttributeSpec, Attributes } from '../contract/attributes.ts';
import type { SourceEnv } from '../contract/source.ts';
import { CtxsrcError } from '../core/errors.ts';
import { formatPlatformAll, normalizePlatform, type Platform, parsePlatform } from '../core/platform.ts';

export const PLATFORM: AttributeSpec = {
  name: 'platform',
  kind: 'text',
  placeholder: 'os/arch[/variant]',
  help: 'which image of a multi-platform image (default: linux and the architecture of this machine)',
  example: 'linux/arm64',
};

export const LAYER_LIMIT: AttributeSpec = {
  name: 'layer-limit',
  kind: 'number',
  placeholder: 'N',
  help: 'take only the first N layers, base first',
  example: '1',
};

/**
 * `platform` and `layer-limit` as an identifier stores them: in canonical spelling, absent if not given.
 * @param specs the attributes that the source declares; any other is an error
 * @throws E_PLATFORM_INVALID, E_ATTRIBUTE
 */
export function imageAttributes(attrs: Attributes, specs: readonly AttributeSpec[]): Attributes {
  const unknown = Object.keys(attrs).find((name) => !specs.some((spec) => spec.name === name));
  if (unknown !== undefined) {
    throw new CtxsrcError('E_ATTRIBUTE', `images have no attribute ${JSON.stringify(unknown)}`, {
      hint: `there are ${specs.map((spec) => spec.name).join(', ')}`,
    });
  }
  const { platform, 'layer-limit': limit } = attrs;
  return {
    ...(platform === undefined ? {} : { platform: formatPlatformAll(requestedPlatform(String(platform))) }),
    ...(limit === undefined ? {} : { 'layer-limit': parseLayerLimit(String(limit)) }),
  };
}

/** The options for an image from the attributes of an identifier. */
export function imageOptions(
  { platform, 'layer-limit': layerLimit }: Attributes,
  { defaultPlatform, platformAsked }: SourceEnv,
): { readonly platform: Platform; readonly platformAsked: boolean; readonly layerLimit: number | undefined } {
  return {
    platform: requestedPlatform(String(platform ?? defaultPlatform)),
    platformAsked: platform !== undefined || platformAsked === true,
    layerLimit: layerLimit as number | undefined,
  };
}

/** BuildKit normalises the platform of an operation before a source sees it. */
function requestedPlatform(text: string): Platform {
  return normalizePlatform(parsePlatform(text));
}

/** As BuildKit parses it: decimal with an optional sign, greater than 0. */
function parseLayerLimit(text: string): number {
  const limit = /^[+-]?[0-9]+$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(limit) || limit <= 0) {
    throw new CtxsrcError('E_ATTRIBUTE', `invalid layer limit ${text}`, {
      hint: 'the limit is a number of layers, 1 or more',
    });
  }
  return limit;
}
