/** The attributes that image-like sources have in common, and how their values are read. */
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
 * `platform` and `layer-limit` as an identifier keeps them: spelt canonically, left out where they were not given.
 * @param specs what the source declares; anything else given is an error
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

/** What the attributes of an identifier ask an image for. */
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

/** BuildKit normalises the platform of an operation before its source sees it. */
function requestedPlatform(text: string): Platform {
  return normalizePlatform(parsePlatform(text));
}

/** As BuildKit reads it: decimal with an optional sign, greater than 0. */
function parseLayerLimit(text: string): number {
  const limit = /^[+-]?[0-9]+$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(limit) || limit <= 0) {
    throw new CtxsrcError('E_ATTRIBUTE', `invalid layer limit ${text}`, {
      hint: 'the limit is a number of layers, 1 or more',
    });
  }
  return limit;
}
