/** The image that another one was built on. */
import type { StoredImage } from '../../contract/store.ts';
import type { Annotations, BaseImage } from './report.ts';

const BASE_NAME = 'org.opencontainers.image.base.name';
const BASE_DIGEST = 'org.opencontainers.image.base.digest';

/**
 * The base that the annotations name, or else an image in the store whose layers are exactly the first of these. The
 * number of its layers is known only of an image in the store.
 * @param levels annotations of the manifest, its descriptor, and the index
 */
export function findBase(
  stored: readonly StoredImage[],
  diffIds: readonly string[],
  levels: readonly (Annotations | undefined)[],
): BaseImage | undefined {
  const below = stored
    .filter((image) => image.diffIds.length > 0 && image.diffIds.length < diffIds.length)
    .filter((image) => image.diffIds.every((id, i) => id === diffIds[i]));
  const named = levels.find((level) => level?.[BASE_NAME] !== undefined || level?.[BASE_DIGEST] !== undefined);
  if (named !== undefined) {
    const [name = null, digest = null] = [named[BASE_NAME], named[BASE_DIGEST]];
    const same = below.find((image) => digest !== null && (image.digest === digest || image.manifest === digest));
    return { name, digest, layers: same?.diffIds.length ?? null, by: 'annotation' };
  }
  const nearest = below.reduce<StoredImage | undefined>(
    (best, image) => (best === undefined || image.diffIds.length > best.diffIds.length ? image : best),
    undefined,
  );
  if (nearest === undefined) return undefined;
  const { name, digest, diffIds: its } = nearest;
  return { name: name === digest ? null : name, digest, layers: its.length, by: 'layers' };
}
