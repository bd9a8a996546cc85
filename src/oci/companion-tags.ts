/**
 * Tags that are made from the digest of an image: the list of its referrers where a registry does not keep one
 * (distribution-spec, "Referrers Tag Schema"), and cosign's signatures, attestations and bills of materials. The tags
 * `ctxsrc-…` are made where they are pushed: of vendored images in `snapshot/lock/vendor.ts`, of attestations in
 * `snapshot/push/companions.ts`, of a shared cache in `registry/shared-cache/entry.ts`.
 */
import { type Digest, digestAlgorithm, digestHex } from '../core/digest.ts';

/** The tag of the list of referrers. */
export function referrersTag(subject: Digest): string {
  return `${digestAlgorithm(subject)}-${digestHex(subject).slice(0, 64)}`;
}

/** cosign's tags. */
export function cosignTags(subject: Digest): readonly string[] {
  const base = `${digestAlgorithm(subject)}-${digestHex(subject)}`;
  return [`${base}.sig`, `${base}.att`, `${base}.sbom`];
}
