/** The content of an image in an OCI layout, a directory or a tar file, read in place. */
import type { JobContext } from '../contract/index.ts';
import type { IngestSource } from '../contract/store.ts';
import type { Digest } from '../core/digest.ts';
import { isCtxsrcError } from '../core/errors.ts';
import { Once } from '../core/once.ts';
import type { Platform } from '../core/platform.ts';
import { shortened } from '../core/printable.ts';
import { tooManyBytes } from '../core/read-limits.ts';
import { shellWord } from '../core/shell-word.ts';
import type { Resume } from '../http/resume.ts';
import { type Layout, LayoutDirectory } from '../image/layout/directory.ts';
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
  open: (path) => LayoutDirectory.open(path),
};

export class LayoutProvider implements BlobProvider {
  readonly #reference: LayoutReference;
  readonly phase = 'copy';
  readonly #platform: Platform;
  readonly #place: LayoutPlace;
  readonly storeName: string;
  readonly #opening = new Once<Layout>();
  #opened: Layout | undefined;
  #offered: readonly Descriptor[] = [];

  /** @param platform selects if the reference is ambiguous; a digest is not */
  constructor(reference: LayoutReference, platform: Platform, place: LayoutPlace = LAYOUT_DIRECTORY) {
    this.#reference = reference;
    this.#platform = platform;
    this.#place = place;
    this.storeName = formatLayoutReference(reference, place.scheme);
  }

  blobReference(digest: Digest): string {
    const { path } = this.#reference;
    if (this.#place === LAYOUT_DIRECTORY) return shellWord(`oci-layout+blob://${path}@${digest}`);
    // No source reads single blobs of an archive.
    return `oci-layout+blob://DIR@${digest}, after tar -xf ${shellWord(path)} -C DIR`;
  }

  async resolve(job: JobContext): Promise<Descriptor> {
    const { tag, digest, path } = this.#reference;
    const layout = await this.#layout(job);
    const where = `${this.#place.what} ${path}`;
    if (digest === undefined) {
      const platformsOf = (entry: Descriptor) => this.#platformsOf(job, layout, entry);
      const reference = (suffix: string) => shellWord(`${this.#place.scheme}://${path}${suffix}`);
      const chosen = await chooseEntry(await layout.entries(), {
        tag,
        platform: this.#platform,
        where,
        reference,
        platformsOf,
      });
      this.#offered = chosen.offered;
      return this.#root(layout, chosen.entry);
    }
    // A digest alone needs no `index.json`: it may be missing or too large.
    if (tag !== undefined) this.#warnWhenMoved(job, await layout.entries());
    const bytes = await layout.readBlob(digest, MAX_DOCUMENT_BYTES);
    refusePart(bytes, digest, this);
    return this.#root(layout, { mediaType: '', digest, size: bytes.length });
  }

  async document(job: JobContext, { digest }: Descriptor): Promise<Uint8Array> {
    return (await this.#layout(job)).readBlob(digest, MAX_DOCUMENT_BYTES);
  }

  async layer(job: JobContext, { digest }: Descriptor, { offset }: Resume): Promise<IngestSource> {
    return this.blob(job, digest, { offset }, Number.POSITIVE_INFINITY);
  }

  async blob(job: JobContext, digest: Digest, { offset }: Resume, maxBytes: number): Promise<IngestSource> {
    const layout = await this.#layout(job);
    // A missing blob is reported here, not when the body is read.
    const size = await layout.blobSize(digest);
    const what = `blob ${digest} of ${this.#place.what} ${this.#reference.path}`;
    if (size > maxBytes) throw tooManyBytes(what, maxBytes, size);
    return { body: layout.streamBlob(digest, offset), offset, what };
  }

  async requireBlob(job: JobContext, digest: Digest): Promise<void> {
    await (await this.#layout(job)).blobSize(digest);
  }

  async layerFile({ digest }: Descriptor): Promise<string | undefined> {
    // The layout was opened by `resolve`; without it no layers are known.
    return this.#opened?.blobFile?.(digest);
  }

  offered(): readonly Descriptor[] {
    return this.#offered;
  }

  async candidates(job: JobContext): Promise<readonly string[]> {
    return layoutCandidates(await (await this.#layout(job)).entries());
  }

  #layout(job: JobContext): Promise<Layout> {
    return this.#opening.run(async () => {
      this.#opened = await this.#place.open(this.#reference.path, job);
      return this.#opened;
    });
  }

  /**
   * The root as BuildKit sees it: its media type follows from its content. If the type in `index.json` is of the same
   * kind, it is more exact (a manifest need not state its own).
   */
  async #root(layout: Layout, entry: Descriptor): Promise<Descriptor> {
    const { digest, size, mediaType } = usable(entry, `index.json of ${this.#place.what} ${this.#reference.path}`);
    const bytes = await layout.readBlob(digest, MAX_DOCUMENT_BYTES);
    verifyDocument({ mediaType, digest, size }, bytes, this.storeName);
    const detected = detectMediaType(bytes, digest);
    const agreed =
      (isManifestType(mediaType) && isManifestType(detected)) || (isIndexType(mediaType) && isIndexType(detected));
    return { mediaType: agreed ? mediaType : detected, digest, size };
  }

  /** The platforms of an entry's image, from its index or configuration; undefined if unreadable or not stated. */
  async #platformsOf(job: JobContext, layout: Layout, entry: Descriptor): Promise<readonly Platform[] | undefined> {
    try {
      const root = await this.#root(layout, entry);
      const bytes = await layout.readBlob(root.digest, MAX_DOCUMENT_BYTES);
      if (isIndexType(root.mediaType)) {
        const { manifests } = decodeIndex(bytes, root.mediaType, `index ${root.digest}`).value;
        refuseCacheIndex(manifests, root.digest);
        const images = manifests.filter((one) => !liesBeside(one));
        const platforms = images.flatMap(({ platform }) => (platform === undefined ? [] : [platform]));
        return platforms.length === 0 && images.length > 0 ? undefined : platforms;
      }
      const manifest = decodeManifest(bytes, root.mediaType, `manifest ${root.digest}`).value;
      if (!isEncrypted(manifest)) refuseNoImage(manifest, root.digest, this);
      const { config } = manifest;
      const { platform } = decodeConfig(await fetchDocument(job, this, config), config.digest).value;
      return platform.architecture === '' ? undefined : [platform];
    } catch (error) {
      if (isCtxsrcError(error, 'E_NOT_AN_IMAGE')) return [];
      if (isCtxsrcError(error)) return undefined;
      throw error;
    }
  }

  #warnWhenMoved(job: JobContext, entries: readonly Descriptor[]): void {
    const { tag, digest, path } = this.#reference;
    const digests = entries.filter((entry) => tagOf(entry) === tag).map((entry) => entry.digest);
    if (digests.length === 0 || digests.some((found) => found === digest)) return;
    job.progress.emit({
      type: 'message',
      level: 'warning',
      text: `tag ${tag} in ${this.#place.what} ${path} has moved to ${shortened(digests[0]!)}; using ${digest}, as the reference says`,
    });
  }
}
