/** What a push consists of, and in which order: blobs, manifests of an index, the document that gets the tag. */
import type { JobContext } from '../../contract/session.ts';
import type { Companion, ImageContent } from '../../contract/source.ts';
import type { Digest } from '../../core/digest.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { IMAGE_INVALID } from '../../core/integrity-hints.ts';
import { shortened } from '../../core/printable.ts';
import { refuseLargeDocument } from '../../image/provider.ts';
import { decodeIndex, decodeManifest, schema1Error, usable } from '../../oci/decode.ts';
import { isConfigType, isIndexType, isManifestType, isSchema1Type } from '../../oci/media-types.ts';
import type { Descriptor } from '../../oci/types.ts';
import { contentOfBytes, contentOfFile, type OutgoingBlob } from '../../registry/push/blob.ts';
import type { OutgoingManifest } from '../../registry/push/manifest.ts';

export interface PushPlan {
  /** What the tag will name. */
  readonly root: OutgoingManifest;
  /** Manifests and indexes below the root; what refers to another one comes after it. */
  readonly children: readonly OutgoingManifest[];
  /** Blobs that these documents refer to, each once. */
  readonly blobs: readonly OutgoingBlob[];
  /** The index that the chosen platform's manifest was taken from, if it stays behind. */
  readonly index: Descriptor | undefined;
  /** Attestations and the like in that index, which stay behind with it. */
  readonly attestations: number;
  /** What lies beside the image and goes along; absent unless it was asked for. */
  readonly beside?: BesidePlan | undefined;
}

/** What is about an image and has documents and blobs of its own. */
export interface BesidePlan {
  /** What refers to another one comes after it. */
  readonly documents: readonly OutgoingManifest[];
  readonly blobs: readonly OutgoingBlob[];
  readonly companions: readonly PlannedCompanion[];
}

/** A signature, an attestation, a bill of materials. */
export interface PlannedCompanion extends Companion {
  /** What it is about. */
  readonly subject: Digest;
}

/** Each level costs a request; real images have far fewer. */
const MAX_DEPTH = 32;

/**
 * Reads every document that will be pushed, so that a missing one is known before anything is sent.
 * @throws what reading the documents throws, E_NOT_AN_IMAGE, E_MANIFEST_INVALID, E_LIMIT
 */
export async function planImage(
  job: JobContext,
  content: ImageContent,
  { allPlatforms, attestations }: { readonly allPlatforms: boolean; readonly attestations: boolean },
): Promise<PushPlan> {
  const manifests = new Map<Digest, OutgoingManifest>();
  const blobs = new Map<Digest, OutgoingBlob>();

  async function add(descriptor: Descriptor, depth: number): Promise<void> {
    const { digest, mediaType } = usable(descriptor, `a descriptor below ${content.root.digest}`);
    if (manifests.has(digest)) return;
    if (depth > MAX_DEPTH) {
      throw new CtxsrcError('E_LIMIT', `${content.root.digest} holds indexes in indexes more than ${MAX_DEPTH} deep`);
    }
    if (isSchema1Type(mediaType)) throw schema1Error(digest);
    if (!isIndexType(mediaType) && !isManifestType(mediaType)) {
      const message = `${digest} is neither a manifest nor an index but ${JSON.stringify(shortened(mediaType))}`;
      throw new CtxsrcError('E_NOT_AN_IMAGE', message, { hint: IMAGE_INVALID });
    }
    const bytes = await content.document(job, descriptor);
    if (isIndexType(mediaType)) {
      const entries = decodeIndex(bytes, mediaType, `index ${digest}`).value.manifests;
      for (const entry of entries) await add(entry, depth + 1);
    } else {
      const { config, layers } = decodeManifest(bytes, mediaType, `manifest ${digest}`).value;
      addBlob(config, 'configuration');
      for (const layer of layers) addBlob(layer, 'layer');
    }
    manifests.set(digest, { digest, mediaType, bytes });
  }

  function addBlob(descriptor: Descriptor, kind: string): void {
    const { digest, size, mediaType } = descriptor;
    if (isConfigType(mediaType)) refuseLargeDocument(descriptor);
    const read = async () =>
      isConfigType(mediaType)
        ? contentOfBytes(await content.document(job, descriptor))
        : contentOfFile(await content.file(job, descriptor));
    if (!blobs.has(digest)) blobs.set(digest, { digest, size, kind, content: read });
  }

  const chosen = allPlatforms ? content.root : await content.manifest(job);
  await add(chosen, 0);
  const root = manifests.get(chosen.digest)!;
  const index = chosen.digest === content.root.digest ? undefined : content.root;
  const indexed = index === undefined ? [] : await attestationsIn(job, content, index);
  const image = { documents: [...manifests.values()], blobs: [...blobs.values()] };
  let beside: BesidePlan | undefined;
  if (attestations) {
    const { findCompanions } = await import('./companions.ts');
    const subjects = image.documents.map(({ digest }) => digest);
    const companions = await findCompanions(job, content, { subjects, indexed, add: (one) => add(one, 0) });
    beside = {
      documents: [...manifests.values()].slice(image.documents.length),
      blobs: [...blobs.values()].slice(image.blobs.length),
      companions,
    };
  }
  const along = new Set(beside?.companions.map(({ descriptor }) => descriptor.digest));
  return {
    root,
    children: image.documents.filter((one) => one !== root),
    blobs: image.blobs,
    index,
    attestations: indexed.filter(({ digest }) => !along.has(digest)).length,
    beside,
  };
}

/** The entries that are no images of their own: they are marked `unknown/unknown`. */
async function attestationsIn(
  job: JobContext,
  content: ImageContent,
  index: Descriptor,
): Promise<readonly Descriptor[]> {
  const bytes = await content.document(job, index);
  const { manifests } = decodeIndex(bytes, index.mediaType, `index ${index.digest}`).value;
  return manifests.filter(({ platform }) => platform?.os === 'unknown');
}
