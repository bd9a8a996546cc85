/** A Dockerfile with the digests of its images written behind their names; every other byte stays. */
import type { BuildPin } from '../../build/pins.ts';
import { CtxsrcError, isCtxsrcError } from '../../core/errors.ts';
import { shortened } from '../../core/printable.ts';
import type { Place } from '../../dockerfile/graph/types.ts';
import { formatReference, parseNormalizedReference, withDefaultTag } from '../../oci/reference.ts';
import { imageOf } from '../../source/foreign-forms.ts';
import type { ReadDockerfile } from './from-file.ts';
import type { Lock } from './lock.ts';

export interface PinnedImage extends Pick<BuildPin, 'name' | 'ref' | 'places'> {
  readonly digest: string;
  /** The image that stands for it. */
  readonly vendored?: string | undefined;
}

export interface Rewritten {
  readonly text: Buffer;
  /** What is not written anew, and why. */
  readonly kept: readonly string[];
}

/**
 * The Dockerfile with the digests of a lock that was made of it; `others`: downloads, which it has no place for.
 * @throws CtxsrcError as `withDigests`
 */
export function pinnedDockerfile(
  { bytes, name, pins }: ReadDockerfile,
  entries: Lock,
): Rewritten & { readonly others: readonly string[] } {
  const images = pins
    .filter(({ platforms }) => platforms.length > 0)
    .map(({ name: image, ref, places }) => {
      const { digest, vendored } = entries.get(image)!;
      return { name: image, ref, places, digest, vendored };
    });
  const others = pins.map((pin) => pin.name).filter((pin) => pin.startsWith('ADD:'));
  return { ...withDigests(bytes, name, images), others };
}

/**
 * Writes digests into a Dockerfile.
 * @param file as errors name it
 * @throws E_DOCKERFILE for an image whose name depends on an argument: another value would be built from the same digest
 */
export function withDigests(dockerfile: Uint8Array, file: string, images: readonly PinnedImage[]): Rewritten {
  // Bytes that are no UTF-8 stay as well.
  const lines = Buffer.from(dockerfile).toString('latin1').split('\n');
  const kept: string[] = [];
  for (const image of images) {
    if (image.name.startsWith('SYNTAX:')) writeSyntax(lines, image, kept, file);
    for (const place of image.places) writePlace(lines, place, image, kept, file);
  }
  return { text: Buffer.from(lines.join('\n'), 'latin1'), kept };
}

function writePlace(lines: string[], place: Place, image: PinnedImage, kept: string[], file: string): void {
  const where = `${shortened(file)}:${place.line}: ${shortened(place.instruction)}`;
  if (place.onbuildOf !== undefined) {
    kept.push(`${where}: ${image.name} is named by ONBUILD of ${shortened(place.onbuildOf)}, not by this file`);
    return;
  }
  if (image.ref.includes('@') && image.vendored === undefined) {
    kept.push(`${where}: ${image.name} has a digest already`);
    return;
  }
  const words = place.instruction === 'FROM' ? FROM_WORD : OTHER_WORD;
  let written = false;
  for (let at = place.lines.first - 1; at < place.lines.last; at += 1) {
    lines[at] = lines[at]!.replace(words, (word: string) => {
      // FROM names its image first, then the stage.
      if ((written && words === FROM_WORD) || !isImage(word, image.ref)) return word;
      written = true;
      return pinnedWord(word, image);
    });
  }
  if (written) return;
  throw new CtxsrcError('E_DOCKERFILE', `${where}: its image depends on an argument, and is ${image.name} now`, {
    hint: 'write the digest into the argument, or leave the Dockerfile as it is: --format build-contexts',
    details: { line: place.line },
  });
}

const FROM_WORD = /[^\s"']+/g;
/** Values of `--from=` and of `from=` in a mount. */
const OTHER_WORD = /(?<=\bfrom=)[^\s,"']+/g;

function writeSyntax(lines: string[], pinned: PinnedImage, kept: string[], file: string): void {
  const { ref, name, vendored } = pinned;
  const at = lines.findIndex((line) => SYNTAX.test(line));
  const top = lines.findIndex((line) => !/^(?:\u00ef\u00bb\u00bf)?(?:#|\/\/)/.test(line));
  const image = at >= 0 && (top < 0 || at < top) ? SYNTAX.exec(lines[at]!)![2]! : '';
  if ((ref.includes('@') && vendored === undefined) || !isImage(image, ref))
    kept.push(`${shortened(file)}: ${name} is not written anew`);
  else lines[at] = lines[at]!.replace(SYNTAX, (_, before: string) => `${before}${pinnedWord(image, pinned)}`);
}

const SYNTAX = /^((?:\u00ef\u00bb\u00bf)?(?:#|\/\/)\s*syntax\s*=\s*)(\S+)/i;

function isImage(word: string, ref: string): boolean {
  try {
    return imageOf(formatReference(withDefaultTag(parseNormalizedReference(word)))) === ref;
  } catch (error) {
    if (isCtxsrcError(error)) return false;
    throw error;
  }
}

/** The tag stays in front of the digest, for those who look for newer ones. */
function pinnedWord(word: string, { digest, vendored }: PinnedImage): string {
  if (vendored !== undefined) return vendored.slice(imageOf('').length);
  const { tag } = parseNormalizedReference(word);
  return `${word}${tag === undefined ? ':latest' : ''}@${digest}`;
}
