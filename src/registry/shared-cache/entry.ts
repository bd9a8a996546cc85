/**
 * The form of an entry: one image manifest with one layer, which is the content itself, under a tag made of the pin.
 * It has the media types of an image because many registries take nothing else, and a tag because they remove what has
 * none.
 */
import type { SharedContent } from '../../contract/shared-cache.ts';
import { type Digest, digestHex, sha256 } from '../../core/digest.ts';
import { MEDIA_TYPE } from '../../oci/media-types.ts';
import { TREE_PIN } from '../../oci/tree-annotations.ts';
import type { OutgoingManifest } from '../push/manifest.ts';

/** Larger content always comes from its origin. */
export const LARGEST_ENTRY = 4 * 1024 ** 3;

/** `ctxsrc-body-HEX` or `ctxsrc-git-HEX`. */
export function tagOf({ kind, pin }: SharedContent): string {
  return `ctxsrc-${kind}-${kind === 'git' ? pin : digestHex(pin as Digest)}`;
}

/** True if it fits into every registry: the pin into a tag, and many take no blob without bytes. */
export function canShare({ kind, pin }: SharedContent): boolean {
  return kind === 'git' || (pin.startsWith('sha256:') && pin !== sha256(''));
}

export interface Entry {
  readonly manifest: OutgoingManifest;
  readonly config: Buffer;
}

/** The documents of an entry: functions of the content alone. */
export function entryOf({ pin }: SharedContent, blob: { readonly digest: Digest; readonly size: number }): Entry {
  const config = json({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [blob.digest] } });
  const bytes = json({
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.ociManifest,
    config: { mediaType: MEDIA_TYPE.ociConfig, digest: sha256(config), size: config.length },
    layers: [{ mediaType: MEDIA_TYPE.ociLayerTar, ...blob }],
    annotations: { [TREE_PIN]: pin },
  });
  return { manifest: { digest: sha256(bytes), mediaType: MEDIA_TYPE.ociManifest, bytes }, config };
}

function json(document: object): Buffer {
  return Buffer.from(JSON.stringify(document));
}
