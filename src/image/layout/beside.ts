/** What a layout holds beside an image: entries of `index.json` that name it as their subject, or have a tag made from its digest. */
import type { Companion } from '../../contract/source.ts';
import { type Digest, isDigest } from '../../core/digest.ts';
import { isCtxsrcError } from '../../core/errors.ts';
import { isObject, jsonObject } from '../../core/is-object.ts';
import { cosignTags, referrersTag } from '../../oci/companion-tags.ts';
import { MAX_DOCUMENT_BYTES } from '../../oci/decode.ts';
import type { Descriptor } from '../../oci/types.ts';
import type { Layout } from './directory.ts';
import { tagOf } from './entry.ts';

/** @throws E_LAYOUT_INVALID, E_LIMIT */
export async function besideIn(layout: Layout, subject: Digest): Promise<readonly Companion[]> {
  const tags = new Set([referrersTag(subject), ...cosignTags(subject)]);
  const found: Companion[] = [];
  for (const descriptor of await layout.entries()) {
    const tag = tagOf(descriptor);
    if (tag !== undefined && tags.has(tag)) found.push({ descriptor, tag });
    else if ((await subjectOf(layout, descriptor)) === subject) found.push({ descriptor });
  }
  return found;
}

/** An entry that cannot be read is about nothing: it belongs to another image. */
async function subjectOf(layout: Layout, { digest, size }: Descriptor): Promise<unknown> {
  if (!isDigest(digest) || size > MAX_DOCUMENT_BYTES) return undefined;
  try {
    const document = jsonObject((await layout.readBlob(digest, MAX_DOCUMENT_BYTES)).toString());
    return isObject(document?.subject) ? document.subject.digest : undefined;
  } catch (error) {
    if (isCtxsrcError(error)) return undefined;
    throw error;
  }
}
