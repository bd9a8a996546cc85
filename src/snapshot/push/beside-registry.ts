/** What lies beside an image on its way into a registry: documents by digest, then the tags that lead to them. */
import type { JobContext } from '../../contract/session.ts';
import { type Digest, digestLike, isDigest } from '../../core/digest.ts';
import { referrersTag } from '../../oci/companion-tags.ts';
import { MEDIA_TYPE } from '../../oci/media-types.ts';
import type { Descriptor } from '../../oci/types.ts';
import type { PushClient } from '../../registry/push/client.ts';
import type { OutgoingManifest } from '../../registry/push/manifest.ts';
import { joined, referrersIndex } from './companion-list.ts';
import type { PushPlan } from './plan.ts';

interface BesideTransfer {
  readonly dryRun: boolean;
  tell(manifest: OutgoingManifest, known: boolean): void;
  /** True if the registry keeps the list of referrers. */
  put(manifest: OutgoingManifest, reference: string): Promise<boolean>;
}

/** Puts documents and tags; the blobs are there. Errors: those of `PushClient.put`. */
export async function besideRegistry(
  job: JobContext,
  client: PushClient,
  { root, children, beside }: PushPlan,
  { dryRun, tell, put }: BesideTransfer,
): Promise<void> {
  const { documents, companions } = beside!;
  const byDigest = new Map([...children, root, ...documents].map((one) => [one.digest, one]));
  const referrers = companions.filter(({ tag }) => tag === undefined);
  const referring = new Set(referrers.map(({ descriptor }) => descriptor.digest));
  const unlisted = new Set<Digest>();
  for (const document of documents) {
    const { digest } = document;
    const known = await client.hasManifest(job, digest);
    // Only the answer to a PUT says whether the registry keeps the list.
    if (!dryRun && (!known || referring.has(digest)) && !(await put(document, digest))) unlisted.add(digest);
    tell(document, known);
  }
  if (dryRun) return;
  for (const { tag, descriptor } of companions) {
    if (tag !== undefined) await settle(tag, byDigest.get(descriptor.digest)!);
  }
  const lists = new Map<Digest, Descriptor[]>();
  for (const { subject, descriptor } of referrers.filter(({ descriptor }) => unlisted.has(descriptor.digest))) {
    lists.set(subject, [...(lists.get(subject) ?? []), descriptor]);
  }
  for (const [subject, descriptors] of lists) {
    const bytes = referrersIndex(descriptors);
    await settle(referrersTag(subject), {
      digest: digestLike(subject, bytes),
      mediaType: MEDIA_TYPE.ociIndex,
      bytes,
    });
  }

  /** Moves a tag unless something would get lost by that. */
  async function settle(tag: string, ours: OutgoingManifest): Promise<void> {
    const there = await client.tagged(job, ours.digest, tag);
    if (there === ours.digest) return;
    if (there === undefined || !isDigest(there)) {
      await put(ours, tag);
      return;
    }
    const theirs = await client.manifest(job, there);
    const both = joined(theirs, ours.bytes);
    if (both === theirs) return;
    if (both === undefined) {
      const text = `the tag ${tag} stays: it names other signatures than those at the source, and cannot hold both`;
      const hint = 'copy them under another name, or remove the tag at the destination first';
      job.progress.emit({ type: 'message', level: 'warning', text, hint });
      return;
    }
    await put(both === ours.bytes ? ours : { ...ours, bytes: both, digest: digestLike(ours.digest, both) }, tag);
  }
}
