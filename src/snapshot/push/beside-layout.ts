/** What lies beside an image in the `index.json` of a layout: with its tag, or without one if it names its subject. */
import type { JobContext } from '../../contract/session.ts';
import { type Digest, digestLike, isDigest } from '../../core/digest.ts';
import { REF_NAME } from '../../oci/annotations.ts';
import { joined } from './companion-list.ts';
import { type IndexEntry, isTagged } from './index-entry.ts';
import type { BesidePlan, PlannedCompanion } from './plan.ts';

/** Blobs of the layout. */
interface LayoutBlobs {
  read(digest: Digest): Promise<Uint8Array | undefined>;
  write(digest: Digest, bytes: Uint8Array): Promise<void>;
}

/** The entries with those of the companions; the same list if all are there. */
export async function withCompanions(
  job: JobContext,
  entries: readonly IndexEntry[],
  { companions, documents }: BesidePlan,
  blobs: LayoutBlobs,
): Promise<readonly IndexEntry[]> {
  let list = entries;
  for (const companion of companions) {
    const { tag, descriptor } = companion;
    const same = tag === undefined ? [] : list.filter((entry) => isTagged(entry, tag));
    if ((tag === undefined ? list : same).some((entry) => entry.digest === descriptor.digest)) continue;
    const theirs = await readFirst(same, blobs);
    const ours = documents.find(({ digest }) => digest === descriptor.digest)?.bytes;
    let added = entryOf(companion);
    if (theirs !== undefined && ours !== undefined) {
      const both = joined(theirs, ours);
      if (both === theirs) continue;
      if (both === undefined) {
        const text = `the tag ${tag} stays: it names other signatures than those at the source, and cannot hold both`;
        job.progress.emit({ type: 'message', level: 'warning', text, hint: 'push into another layout' });
        continue;
      }
      if (both !== ours) {
        const digest = digestLike(descriptor.digest, both);
        await blobs.write(digest, both);
        added = { ...added, digest, size: both.length };
      }
    }
    list = [...list.filter((entry) => !same.includes(entry)), added];
  }
  return list;
}

async function readFirst(entries: readonly IndexEntry[], blobs: LayoutBlobs): Promise<Uint8Array | undefined> {
  const digest = String(entries[0]?.digest);
  return isDigest(digest) ? blobs.read(digest) : undefined;
}

function entryOf({ descriptor, tag }: PlannedCompanion): IndexEntry {
  const { mediaType, digest, size, platform, artifactType } = descriptor;
  const { [REF_NAME]: _, ...annotations } = descriptor.annotations ?? {};
  const all = tag === undefined ? annotations : { ...annotations, [REF_NAME]: tag };
  return {
    mediaType,
    digest,
    size,
    platform,
    artifactType,
    annotations: Object.keys(all).length > 0 ? all : undefined,
  };
}
