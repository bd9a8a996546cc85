/** What lies beside an image: found to go along with it, or counted, so that nobody misses it only when it is verified. */
import type { JobContext } from '../../contract/session.ts';
import type { Companion, ImageContent } from '../../contract/source.ts';
import { type Digest, digestHex } from '../../core/digest.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { printable, shortened } from '../../core/printable.ts';
import { REFERENCE_DIGEST } from '../../oci/annotations.ts';
import { referrersTag } from '../../oci/companion-tags.ts';
import { decodeIndex } from '../../oci/decode.ts';
import { isIndexType, isManifestType } from '../../oci/media-types.ts';
import type { Descriptor } from '../../oci/types.ts';
import type { PlannedCompanion, PushPlan } from './plan.ts';

/** Each costs requests; a real image has some dozen. */
const MOST_COMPANIONS = 1000;

/** How long a push waits for the number of what it leaves behind, in milliseconds. */
const PATIENCE = 5000;

/**
 * Finds what is about the image, about its attestations and signatures in turn, and so on.
 * @param request.subjects everything that will be pushed
 * @param request.indexed attestations in an index that stays behind: those about a subject go along
 * @param request.add plans a document with everything below it
 * @throws E_LIMIT for a thousand and more, errors of listing and reading them
 */
export async function findCompanions(
  job: JobContext,
  content: ImageContent,
  request: {
    readonly subjects: readonly Digest[];
    readonly indexed: readonly Descriptor[];
    add(descriptor: Descriptor): Promise<void>;
  },
): Promise<readonly PlannedCompanion[]> {
  const { subjects, indexed, add } = request;
  const queue = [...subjects];
  const seen = new Set<Digest>(queue);
  const found: PlannedCompanion[] = [];
  for (const subject of queue) {
    const attested = indexed
      .filter(({ annotations }) => annotations?.[REFERENCE_DIGEST] === subject)
      // Without a tag a registry would remove it: the index that listed it is not there.
      .map((descriptor): Companion => ({ descriptor, tag: `ctxsrc-${digestHex(descriptor.digest)}` }));
    for (const { descriptor, tag } of [...attested, ...((await content.beside?.(job, subject)) ?? [])]) {
      const { digest, mediaType } = descriptor;
      if (!isManifestType(mediaType) && !isIndexType(mediaType)) {
        const text = `${printable(digest)} is about ${subject} and stays behind: it is ${JSON.stringify(shortened(mediaType))}, which registries no longer take`;
        job.progress.emit({ type: 'message', level: 'warning', text });
        continue;
      }
      await add(descriptor);
      found.push({ subject, descriptor, tag });
      if (found.length >= MOST_COMPANIONS) {
        const message = `${MOST_COMPANIONS} and more signatures and the like lie beside the image`;
        throw new CtxsrcError('E_LIMIT', message, { hint: 'leave --attestations out, and copy those that are needed' });
      }
      for (const next of [digest, ...(await entriesOf(job, content, descriptor))]) {
        if (!seen.has(next)) queue.push(next);
        seen.add(next);
      }
    }
  }
  const text =
    found.length === 0
      ? 'nothing lies beside the image: no attestation, no signature'
      : `${counted(found.length)} beside the image ${found.length === 1 ? 'goes' : 'go'} along`;
  job.progress.emit({ type: 'message', level: 'note', text });
  return found;
}

/**
 * Counts what lies beside what was pushed, and says it. Whatever fails about that is no failure of the push.
 * @returns undefined if it could not be found out in time
 */
export async function countCompanions(
  job: JobContext,
  content: ImageContent,
  { root, index }: Pick<PushPlan, 'root' | 'index'>,
): Promise<number | undefined> {
  const signal = AbortSignal.any([job.signal, AbortSignal.timeout(PATIENCE)]);
  const bounded: JobContext = { ...job, signal };
  const found = new Set<Digest>();
  try {
    for (const subject of new Set([root.digest, ...(index === undefined ? [] : [index.digest])])) {
      for (const { descriptor, tag } of (await content.beside?.(bounded, subject)) ?? []) {
        const listed = tag === referrersTag(subject) ? await entriesOf(bounded, content, descriptor) : [];
        for (const digest of listed.length > 0 ? listed : [descriptor.digest]) found.add(digest);
      }
    }
  } catch (error) {
    job.signal.throwIfAborted();
    if (!(error instanceof CtxsrcError) && !signal.aborted) throw error;
    const reason = error instanceof CtxsrcError ? error.message : 'it took too long';
    const text = `whether signatures lie beside the image is not known: ${reason}`;
    job.progress.emit({ type: 'message', level: 'verbose', text });
    return undefined;
  }
  if (found.size > 0) {
    const text = `${counted(found.size)} beside the image ${found.size === 1 ? 'stays' : 'stay'} behind`;
    job.progress.emit({ type: 'message', level: 'note', text, hint: 'ctxsrc push --attestations takes them along' });
  }
  return found.size;
}

/** What an index lists; nothing of a manifest. */
async function entriesOf(job: JobContext, content: ImageContent, descriptor: Descriptor): Promise<readonly Digest[]> {
  const { mediaType, digest } = descriptor;
  if (!isIndexType(mediaType)) return [];
  const { manifests } = decodeIndex(await content.document(job, descriptor), mediaType, `index ${digest}`).value;
  return manifests.map((entry) => entry.digest);
}

function counted(number: number): string {
  return number === 1 ? '1 signature or other companion' : `${number} signatures and other companions`;
}
