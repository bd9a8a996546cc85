/**
 * The blobs that an image in the store's index refers to, from index and manifests down, and the snapshots of its
 * layers. Parsed leniently, because the result decides what is kept, not what is used.
 */
import { chainIds } from '../../core/chain-id.ts';
import { type Digest, isDigest, shortDigest } from '../../core/digest.ts';
import { memberOf, textsOf } from '../../core/json-members.ts';
import { isConfigType, isIndexType, isManifestType } from '../../oci/media-types.ts';
import type { Descriptor } from '../../oci/types.ts';
import { damaged, type Problem, readDocument } from '../document.ts';

/** This program would not read larger documents as manifests or configurations. */
const MOST_BYTES = 4 << 20;

export interface ImageGraph {
  /** Every digest that is referred to, present or not. */
  readonly blobs: ReadonlySet<Digest>;
  /** Digests that a present manifest needs but that are missing. */
  readonly missing: ReadonlySet<Digest>;
  /** Diff IDs of the layers in its configurations. */
  readonly diffIds: ReadonlySet<string>;
  /** Chain IDs of the layers in its configurations. */
  readonly chainIds: ReadonlySet<string>;
  /** Those of all layers of a configuration. */
  readonly wholeChainIds: ReadonlySet<string>;
  /** The first document that cannot be used, so that something may be missing in the others. */
  readonly problem: Problem | undefined;
}

/**
 * @param sizeOf the size of a blob, undefined if it is missing
 * @param pathOf the path of a blob
 */
export async function imageGraph(
  root: Descriptor,
  sizeOf: (digest: Digest) => number | undefined,
  pathOf: (digest: Digest) => string,
): Promise<ImageGraph> {
  const blobs = new Set<Digest>();
  const missing = new Set<Digest>();
  const diffs = new Set<string>();
  const chains = new Set<string>();
  const wholes = new Set<string>();
  let problem: Problem | undefined;
  const visit = async (
    { digest, mediaType }: Pick<Descriptor, 'digest' | 'mediaType'>,
    needed: boolean,
  ): Promise<void> => {
    if (blobs.has(digest)) return;
    blobs.add(digest);
    const size = sizeOf(digest);
    if (size === undefined && needed) missing.add(digest);
    const isDocument = isIndexType(mediaType) || isManifestType(mediaType) || isConfigType(mediaType);
    if (size === undefined || size > MOST_BYTES || !isDocument) return;
    const found = readJson(pathOf(digest));
    if (found === undefined) return;
    if ('problem' in found) {
      problem ??= { ...found, problem: `its document ${shortDigest(digest)} ${found.problem}` };
      return;
    }
    const { document } = found;
    const diffIds = textsOf(memberOf(memberOf(document, 'rootfs'), 'diff_ids'));
    for (const id of diffIds) diffs.add(id);
    const ids = chainIds(diffIds);
    for (const id of ids) chains.add(id);
    if (ids.length > 0) wholes.add(ids.at(-1)!);
    // An index may list platforms that were not fetched; a manifest needs everything it lists.
    for (const child of descriptors(memberOf(document, 'manifests'))) await visit(child, false);
    for (const child of descriptors([memberOf(document, 'config')])) await visit(child, true);
    for (const child of descriptors(memberOf(document, 'layers'))) await visit(child, true);
  };
  await visit(root, true);
  return { blobs, missing, diffIds: diffs, chainIds: chains, wholeChainIds: wholes, problem };
}

/** Undefined if the file vanished. */
function readJson(path: string): { readonly document: unknown } | Problem | undefined {
  const found = readDocument(path);
  if (found === undefined || 'problem' in found) return found;
  try {
    return { document: JSON.parse(found.text) };
  } catch {
    return damaged('is no JSON');
  }
}

function descriptors(value: unknown): { digest: Digest; mediaType: string }[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((item) => {
    const [digest, mediaType] = [memberOf(item, 'digest'), memberOf(item, 'mediaType')];
    if (typeof digest !== 'string' || !isDigest(digest)) return [];
    return [{ digest, mediaType: typeof mediaType === 'string' ? mediaType : '' }];
  });
}
