/** Which entry of a layout's `index.json` a reference means (the command line's "References"). */
import { digestProblem } from '../core/digest.ts';
import { CtxsrcError } from '../core/errors.ts';
import type { Descriptor } from '../oci/types.ts';

/** The annotation that holds a tag. */
export const REF_NAME = 'org.opencontainers.image.ref.name';

export function tagOf(entry: Descriptor): string | undefined {
  return entry.annotations?.[REF_NAME];
}

/** The tags of the entries, each once; an entry without one is shown by its digest. */
export function layoutCandidates(entries: readonly Descriptor[]): readonly string[] {
  return [...new Set(entries.map((entry) => tagOf(entry) ?? `@${entry.digest}`))];
}

/** More are left out of a message; all are in the details. */
const MAX_NAMED = 20;

function listed(candidates: readonly string[]): string {
  if (candidates.length === 0) return 'it holds no image';
  return `there is ${candidates.slice(0, MAX_NAMED).join(', ')}${candidates.length > MAX_NAMED ? ', …' : ''}`;
}

/**
 * The entry with that tag; without one `latest`, else the only image there.
 * @param where the layout, for messages
 * @throws E_TAG_AMBIGUOUS, E_TAG_NOT_FOUND, E_NOT_FOUND for an empty layout, E_LAYOUT_INVALID for an entry without a
 *   valid digest
 */
export function chooseEntry(entries: readonly Descriptor[], tag: string | undefined, where: string): Descriptor {
  const candidates = layoutCandidates(entries);
  const details = { candidates };
  const tagged = (name: string): Descriptor | undefined => {
    const found = entries.filter((entry) => tagOf(entry) === name);
    const digests = [...new Set(found.map((entry) => entry.digest))];
    if (digests.length <= 1) return found[0];
    throw new CtxsrcError('E_TAG_AMBIGUOUS', `tag ${name} is on ${digests.length} different images in ${where}`, {
      hint: `name one by its digest: @${digests.join(' or @')}`,
      details: { candidates: digests.map((digest) => `@${digest}`) },
    });
  };
  let chosen: Descriptor | undefined;
  if (tag !== undefined) {
    chosen = tagged(tag);
    if (chosen === undefined) {
      throw new CtxsrcError('E_TAG_NOT_FOUND', `there is no tag ${tag} in ${where}: ${listed(candidates)}`, {
        details,
      });
    }
  } else {
    chosen = tagged('latest');
    if (chosen === undefined) {
      const digests = new Set(entries.map((entry) => entry.digest));
      if (digests.size === 0) throw new CtxsrcError('E_NOT_FOUND', `${where} holds no image`);
      if (digests.size > 1) {
        throw new CtxsrcError(
          'E_TAG_AMBIGUOUS',
          `${where} holds several images and none is latest: ${listed(candidates)}`,
          {
            hint: 'add :TAG or @DIGEST to the reference',
            details,
          },
        );
      }
      chosen = entries[0]!;
    }
  }
  const problem = digestProblem(chosen.digest);
  if (problem !== undefined) {
    throw new CtxsrcError('E_LAYOUT_INVALID', `index.json of ${where}: ${problem}: ${JSON.stringify(chosen.digest)}`, {
      hint: 'copy the image into the layout again',
    });
  }
  return chosen;
}
