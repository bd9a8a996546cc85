/**
 * What an earlier version of this program pushed of the same content: it may stay, so that an update sends nothing. An
 * annotation alone is not believed; the layer is read.
 */
import type { JobContext } from '../../../contract/session.ts';
import type { Digest } from '../../../core/digest.ts';
import { CtxsrcError } from '../../../core/errors.ts';
import { maxRatio } from '../../../core/read-limits.ts';
import { layerDigests } from '../../../layer/format/key.ts';
import { FORMAT } from '../../../layer/format/tar.ts';
import { decodeManifest } from '../../../oci/decode.ts';
import { TREE_FORMAT } from '../../../oci/tree-annotations.ts';
import { resolve } from '../../../source/resolve.ts';
import { SourceTable } from '../../../source/table.ts';
import { treeManifest } from '../../tree-key.ts';
import type { PlacedRequest } from '../push.ts';
import type { PackedTree } from './pack.ts';

/** True if the digest names an image of an older format with the same content and annotations. */
export async function mayStay(
  job: JobContext,
  { env, destination }: PlacedRequest,
  packed: PackedTree,
  digest: Digest,
): Promise<boolean> {
  // A push asks the registry itself, never a mirror of it.
  const direct = { ...env, network: { ...env.network, mirrors: [] } };
  try {
    const { instance } = await resolve(new SourceTable(), destination.reference(digest), {}, direct);
    const there = await treeManifest(job, instance);
    const { key } = packed.facts;
    if (there === undefined || there.format >= FORMAT || there.key !== key) return false;
    const { root } = packed.plan;
    const { annotations = {} } = decodeManifest(root.bytes, root.mediaType, 'the new manifest').value;
    const own = { ...annotations, [TREE_FORMAT]: there.annotations[TREE_FORMAT] };
    if (Object.keys(own).length !== Object.keys(there.annotations).length) return false;
    if (Object.entries(own).some(([name, value]) => there.annotations[name] !== value)) return false;
    const content = await instance.content!(job);
    const file = await content.file(job, there.layer);
    const found = await layerDigests(file, maxRatio(env.limits?.maxBytes), job.signal);
    return found.digest === there.layer.digest && found.key === key;
  } catch (error) {
    // Whatever is wrong with it, it is replaced.
    if (job.signal.aborted || !(error instanceof CtxsrcError)) throw error;
    return false;
  }
}
