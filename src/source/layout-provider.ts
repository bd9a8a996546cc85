/** An image's content from an OCI layout, a directory or a tar file, read in place. */
import type { JobContext } from '../contract/index.ts';
import type { IngestSource } from '../contract/store.ts';
import type { Digest } from '../core/digest.ts';
import { Once } from '../core/once.ts';
import { type Layout, LayoutDirectory } from '../image/layout-directory.ts';
import { chooseEntry, layoutCandidates, tagOf } from '../image/layout-entry.ts';
import { type ContentProvider, verifyDocument } from '../image/provider.ts';
import { detectMediaType, MAX_DOCUMENT_BYTES, usable } from '../oci/decode.ts';
import { isIndexType, isManifestType } from '../oci/media-types.ts';
import type { Descriptor } from '../oci/types.ts';
import { formatLayoutReference, type LayoutReference } from './layout-reference.ts';

/** Where the layouts of a scheme lie. */
export interface LayoutPlace {
  readonly scheme: string;
  /** For messages: `the OCI layout`. */
  readonly what: string;
  open(path: string, signal?: AbortSignal): Promise<Layout>;
}

const LAYOUT_DIRECTORY: LayoutPlace = {
  scheme: 'oci-layout',
  what: 'the OCI layout',
  open: (path) => LayoutDirectory.open(path),
};

export class LayoutProvider implements ContentProvider {
  readonly #reference: LayoutReference;
  readonly phase = 'copy';
  readonly #place: LayoutPlace;
  readonly storeName: string;
  readonly #opening = new Once<Layout>();

  constructor(reference: LayoutReference, place: LayoutPlace = LAYOUT_DIRECTORY) {
    this.#reference = reference;
    this.#place = place;
    this.storeName = formatLayoutReference(reference, place.scheme);
  }

  pinned(digest: string): string {
    return formatLayoutReference({ ...this.#reference, digest: digest as Descriptor['digest'] }, this.#place.scheme);
  }

  blobReference(digest: Digest): string {
    const { path } = this.#reference;
    if (this.#place === LAYOUT_DIRECTORY) return `oci-layout+blob://${path}@${digest}`;
    // No source reads single blobs of an archive.
    return `oci-layout+blob://DIR@${digest}, after tar -xf ${path} -C DIR`;
  }

  async resolve(job: JobContext): Promise<Descriptor> {
    const { tag, digest, path } = this.#reference;
    const layout = await this.#layout(job);
    const entries = await layout.entries();
    const where = `${this.#place.what} ${path}`;
    if (digest === undefined) return this.#root(layout, chooseEntry(entries, tag, where));
    if (tag !== undefined) this.#warnWhenMoved(job, entries);
    const bytes = await layout.readBlob(digest, MAX_DOCUMENT_BYTES);
    return this.#root(layout, { mediaType: '', digest, size: bytes.length });
  }

  async document(job: JobContext, { digest }: Descriptor): Promise<Uint8Array> {
    return (await this.#layout(job)).readBlob(digest, MAX_DOCUMENT_BYTES);
  }

  async layer(job: JobContext, { digest }: Descriptor, { offset }: { readonly offset: number }): Promise<IngestSource> {
    return { body: (await this.#layout(job)).streamBlob(digest, offset), offset };
  }

  async layerFile({ digest }: Descriptor): Promise<string | undefined> {
    return (await this.#layout()).blobFile?.(digest);
  }

  async candidates(job: JobContext): Promise<readonly string[]> {
    return layoutCandidates(await (await this.#layout(job)).entries());
  }

  #layout(job?: JobContext): Promise<Layout> {
    return this.#opening.run(() => this.#place.open(this.#reference.path, job?.signal));
  }

  /**
   * The root as BuildKit sees it: its type is what its content shows. The type that `index.json` gives is more exact
   * where both are of one kind (a manifest need not say its own).
   */
  async #root(layout: Layout, entry: Descriptor): Promise<Descriptor> {
    const { digest, size, mediaType } = usable(entry, `index.json of ${this.#place.what} ${this.#reference.path}`);
    const bytes = await layout.readBlob(digest, MAX_DOCUMENT_BYTES);
    verifyDocument({ mediaType, digest, size }, bytes);
    const detected = detectMediaType(bytes, digest);
    const agreed =
      (isManifestType(mediaType) && isManifestType(detected)) || (isIndexType(mediaType) && isIndexType(detected));
    return { mediaType: agreed ? mediaType : detected, digest, size };
  }

  #warnWhenMoved(job: JobContext, entries: readonly Descriptor[]): void {
    const { tag, digest, path } = this.#reference;
    const digests = entries.filter((entry) => tagOf(entry) === tag).map((entry) => entry.digest);
    if (digests.length === 0 || digests.every((found) => found === digest)) return;
    job.progress.emit({
      type: 'message',
      level: 'warning',
      text: `tag ${tag} in ${this.#place.what} ${path} has moved to ${digests.find((found) => found !== digest)}; using ${digest}, as the reference says`,
    });
  }
}
