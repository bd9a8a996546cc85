/** What the index around an image has beside it: what two indexes of one image may differ in. */
import type { Description } from '../../contract/source.ts';
import { isObject } from '../../core/is-object.ts';
import { textsOf } from '../../core/json-members.ts';
import { formatPlatformAll } from '../../core/platform.ts';
import type { ImageDetail } from '../../image/describe.ts';
import { isAboutAnother } from '../../oci/annotations.ts';
import type { FactDifference, Facts } from './facts.ts';

/** Names of these facts. */
export const INDEX_FACTS: ReadonlySet<string> = new Set(['images', 'attestations']);

/** Platforms in a row before they are counted. */
const MAX_PLATFORMS = 3;

/** The facts of an image, those of its index instead of the detail of its description; of another source its own. */
export function withIndexFacts({ detail, ...facts }: Description): Facts {
  if (!isObject(detail)) return facts;
  const { index, offered, indexAnnotations, descriptorAnnotations } = detail as unknown as ImageDetail;
  if (index === undefined) return { ...facts, images: [], attestations: [] };
  const images = offered.filter((entry) => !isAboutAnother(entry));
  return {
    ...facts,
    indexAnnotations,
    descriptorAnnotations,
    images: images.map(({ platform, digest }) => `${platform ? formatPlatformAll(platform) : 'no platform'} ${digest}`),
    attestations: offered.filter(isAboutAnother).map(({ digest }) => digest),
  };
}

/** The words for a fact of the index; none where the images compared are all that differs. */
export function indexWords({ what, from, to }: FactDifference, sides: readonly (Facts | undefined)[]): string[] {
  if (what === 'attestations') return ['attestations'];
  const [before, now] = [from, to].map(
    (images, side) => new Set(textsOf(images).filter((image) => !image.endsWith(` ${String(sides[side]?.manifest)}`))),
  ) as [Set<string>, Set<string>];
  const others = [...[...before].filter((image) => !now.has(image)), ...[...now].filter((image) => !before.has(image))];
  const platforms = [...new Set(others.map((image) => image.slice(0, image.lastIndexOf(' '))))];
  if (platforms.length === 0) return before.size === 0 ? [] : ['order of the index'];
  const rest = platforms.length - MAX_PLATFORMS;
  const names = rest > 1 ? [...platforms.slice(0, MAX_PLATFORMS), `${rest} more`] : platforms;
  return [`platforms beside (${names.join(', ')})`];
}
