/** The content of an image in an OCI layout, a directory or a tar file, read in place. */
import type { JobContext } from '../contract/index.ts';
import type { Digest } from '../core/digest.ts';
import { isCtxsrcError } from '../core/errors.ts';
import { Once } from '../core/once.ts';
import type { Platform } from '../core/platform.ts';
import { shortened } from '../core/printable.ts';
import { tooManyBytes } from '../core/read-limits.ts';
import { shellWord } from '../core/shell-word.ts';
import { type Layout, openLayoutDirectory } from '../image/layout/directory.ts';
import { chooseEntry, layoutCandidates, tagOf } from '../image/layout/entry.ts';
import { isEncrypted, liesBeside, refuseCacheIndex, refuseNoImage, refusePart } from '../image/no-image.ts';
import { type BlobProvider, fetchDocument, verifyDocument } from '../image/provider.ts';
import {
  decodeConfig,
  decodeIndex,
  decodeManifest,
  detectMediaType,
  MAX_DOCUMENT_BYTES,
  usable,
} from '../oci/decode.ts';
import { isIndexType, isManifestType } from '../oci/media-types.ts';
import type { Descriptor } from '../oci/types.ts';
import { formatLayoutReference, type LayoutReference } from './layout-reference.ts';

/** Where the layouts of a scheme are. */
export interface LayoutPlace {
  readonly scheme: string;
  /** For messages: `the OCI layout`. */
  readonly what: string;
  open(path: string, job: JobContext): Promise<Layout>;
}

const LAYOUT_DIRECTORY: LayoutPlace = {
  scheme: 'oci-layout',
  what: 'the OCI layout',
  open: async (path) => openLayoutDirectory(path),
};

/** @param platform selects if the reference is ambiguous; a digest is not */
export function layoutProvider(
  reference: LayoutReference,
  platform: Platform,
  place: LayoutPlace = LAYOUT_DIRECTORY,
): BlobProvider {
  const { tag, digest: named, path } = reference;
  const where = `${place.what} ${path}`;
  const storeName = formatLayoutReference(reference, place.scheme);
  const opening = new Once<Layout>();
  let opened: Layout | undefined;
  let offered: readonly Descriptor[] = [];

  const open = (job: JobContext): Promise<Layout> =>
    opening.run(async () => {
      opened = await place.open(path, job);
      return opened;
    });

  const provider: BlobProvider = {
    phase: 'copy',
    storeName,

    blobReference(digest) {
      if (place === LAYOUT_DIRECTORY) return shellWord(`oci-layout+blob://${path}@${digest}`);
      // No source reads single blobs of an archive.
      return `oci-layout+blob://DIR@${digest}, after tar -xf ${shellWord(path)} -C DIR`;
    },

    async resolve(job) {
      const layout = await open(job);
      if (named === undefined) {
        const chosen = await chooseEntry(await layout.entries(), {
          tag,
          platform,
          where,
          reference: (suffix) => shellWord(`${place.scheme}://${path}${suffix}`),
          platformsOf: (entry) => platformsOf(job, layout, entry),
        });
        offered = chosen.offered;
        return rootOf(layout, chosen.entry);
      }
      // A digest alone needs no `index.json`: it may be missing or too large.
      if (tag !== undefined) warnWhenMoved(job, tag, named, await layout.entries());
      const bytes = await layout.readBlob(named, MAX_DOCUMENT_BYTES);
      await refusePart(bytes, named, provider);
      return rootOf(layout, { mediaType: '', digest: named, size: bytes.length });
    },

    document: async (job, { digest }) => (await open(job)).readBlob(digest, MAX_DOCUMENT_BYTES),

    async beside(job, subject) {
      const { besideIn } = await import('../image/layout/beside.ts');
      return besideIn(await open(job), subject);
    },

    layer: (job, { digest }, resume) => provider.blob(job, digest, resume, Number.POSITIVE_INFINITY),

    async blob(job, digest, { offset }, maxBytes) {
      const layout = await open(job);
      // A missing blob is reported here, not when the body is read.
      const size = await layout.blobSize(digest);
      const what = `blob ${digest} of ${where}`;
      if (size > maxBytes) throw tooManyBytes(what, maxBytes, size);
      return { body: layout.streamBlob(digest, offset), offset, what };
    },

    requireBlob: async (job, digest) => (await open(job)).blobSize(digest),

    // The layout was opened by `resolve`; without it no layers are known.
    layerFile: async ({ digest }) => opened?.blobFile?.(digest),

    offered: () => offered,

    candidates: async (job) => layoutCandidates(await (await open(job)).entries()),
  };
  return provider;

  /**
   * The root as BuildKit sees it: its media type follows from its content. If the type in `index.json` is of the same
   * kind, it is more exact (a manifest need not state its own).
   */
  async function rootOf(layout: Layout, entry: Descriptor): Promise<Descriptor> {
    const { digest, size, mediaType } = usable(entry, `index.json of ${where}`);
    const bytes = await layout.readBlob(digest, MAX_DOCUMENT_BYTES);
    verifyDocument({ mediaType, digest, size }, bytes, storeName);
    const detected = detectMediaType(bytes, digest);
    const agreed =
      (isManifestType(mediaType) && isManifestType(detected)) || (isIndexType(mediaType) && isIndexType(detected));
    return { mediaType: agreed ? mediaType : detected, digest, size };
  }

  /** The platforms of an entry's image, from its index or configuration; undefined if unreadable or not stated. */
  async function platformsOf(
    job: JobContext,
    layout: Layout,
    entry: Descriptor,
  ): Promise<readonly Platform[] | undefined> {
    try {
      const root = await rootOf(layout, entry);
      const bytes = await layout.readBlob(root.digest, MAX_DOCUMENT_BYTES);
      if (isIndexType(root.mediaType)) {
        const { manifests } = decodeIndex(bytes, root.mediaType, `index ${root.digest}`).value;
        await refuseCacheIndex(manifests, root.digest);
        const images = manifests.filter((one) => !liesBeside(one));
        const platforms = images.flatMap(({ platform }) => (platform === undefined ? [] : [platform]));
        return platforms.length === 0 && images.length > 0 ? undefined : platforms;
      }
      const manifest = decodeManifest(bytes, root.mediaType, `manifest ${root.digest}`).value;
      if (!isEncrypted(manifest)) await refuseNoImage(manifest, root.digest, provider);
      const { config } = manifest;
      const { platform } = decodeConfig(await fetchDocument(job, provider, config), config.digest).value;
      return platform.architecture === '' ? undefined : [platform];
    } catch (error) {
      if (isCtxsrcError(error, 'E_NOT_AN_IMAGE')) return [];
      if (isCtxsrcError(error)) return undefined;
      throw error;
    }
  }

  function warnWhenMoved(job: JobContext, moved: string, digest: Digest, entries: readonly Descriptor[]): void {
    const digests = entries.filter((entry) => tagOf(entry) === moved).map((entry) => entry.digest);
    if (digests.length === 0 || digests.some((found) => found === digest)) return;
    const text = `tag ${moved} in ${where} has moved to ${shortened(digests[0]!)}; using ${digest}, as the reference says`;
    job.progress.emit({ type: 'message', level: 'warning', text });
  }
}
