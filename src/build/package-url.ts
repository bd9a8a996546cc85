/** Package URLs of images, as the provenance of a build spells them. */
import { formatPlatformAll, normalizePlatform, parsePlatform } from '../core/platform.ts';
import { familiarReference, parseNormalizedReference, withDefaultTag } from '../oci/reference.ts';

/**
 * `pkg:docker/NAMESPACE/NAME@TAG?digest=…&platform=…`; a reference by digest alone has no tag.
 * @param type `oci` for an image of a layout
 */
export function packageUrl(ref: string, platform: string, type: 'docker' | 'oci' = 'docker'): string {
  const reference = withDefaultTag(parseNormalizedReference(ref));
  const { tag, digest } = reference;
  const name = familiarReference({ ...reference, tag: undefined, digest: undefined });
  const { os, architecture, variant } = normalizePlatform(parsePlatform(platform));
  const qualifiers = [
    ...(digest === undefined ? [] : [`digest=${digest}`]),
    `platform=${encodeURIComponent(formatPlatformAll({ os, architecture, variant }))}`,
  ];
  return `pkg:${type}/${name.split('/').map(encodeURIComponent).join('/')}${tag === undefined ? '' : `@${tag}`}?${qualifiers.join('&')}`;
}
