/** An image's content from an OCI layout directory, read in place. */
import type { JobContext } from '../contract/index.ts';
import type { IngestSource } from '../contract/store.ts';
import { LayoutDirectory } from '../image/layout-directory.ts';
import { chooseEntry, layoutCandidates, tagOf } from '../image/layout-entry.ts';
import { type ContentProvider, verifyDocument } from '../image/provider.ts';
import { detectMediaType, MAX_DOCUMENT_BYTES, usable } from '../oci/decode.ts';
import { isIndexType, isManifestType } from '../oci/media-types.ts';
import type { Descriptor } from '../oci/types.ts';
import { formatLayoutReference, type LayoutReference } from './layout-reference.ts';

export class LayoutProvider implements ContentProvider {
  readonly #reference: LayoutReference;
  readonly phase = 'copy';
  readonly storeName: string;
  #opening: Promise<LayoutDirectory> | undefined;

  constructor(reference: LayoutReference) {
    this.#reference = reference;
    this.storeName = formatLayoutReference(reference);
  }

  pinned(digest: string): string {
    return formatLayoutReference({ ...this.#reference, digest: digest as Descriptor['digest'] });
  }

  async resolve(job: JobContext): Promise<Descriptor> {
    const { tag, digest, path } = this.#reference;
    const layout = await this.#layout();
    const entries = await layout.entries();
    const where = `the OCI layout ${path}`;
    if (digest === undefined) return this.#root(layout, chooseEntry(entries, tag, where));
    if (tag !== undefined) this.#warnWhenMoved(job, entries);
    const bytes = await layout.readBlob(digest, MAX_DOCUMENT_BYTES);
    return this.#root(layout, { mediaType: '', digest, size: bytes.length });
  }

  async document(_job: JobContext, { digest }: Descriptor): Promise<Uint8Array> {
    return (await this.#layout()).readBlob(digest, MAX_DOCUMENT_BYTES);
  }

  async layer(
    _job: JobContext,
    descriptor: Descriptor,
    { offset }: { readonly offset: number },
  ): Promise<IngestSource> {
    return { body: this.#bytes(descriptor, offset), offset };
  }

  async *#bytes({ digest }: Descriptor, start: number): AsyncGenerator<Uint8Array> {
    const { handle } = await (await this.#layout()).openBlob(digest);
    yield* handle.createReadStream({ start, highWaterMark: 1024 * 1024 });
  }

  async layerFile({ digest }: Descriptor): Promise<string | undefined> {
    const { path, handle } = await (await this.#layout()).openBlob(digest);
    await handle.close();
    return path;
  }

  async candidates(): Promise<readonly string[]> {
    return layoutCandidates(await (await this.#layout()).entries());
  }

  #layout(): Promise<LayoutDirectory> {
    this.#opening ??= LayoutDirectory.open(this.#reference.path);
    return this.#opening;
  }

  /**
   * The root as BuildKit sees it: its type is what its content shows. The type that `index.json` gives is more exact
   * where both are of one kind (a manifest need not say its own).
   */
  async #root(layout: LayoutDirectory, entry: Descriptor): Promise<Descriptor> {
    const { digest, size, mediaType } = usable(entry, `index.json of the OCI layout ${this.#reference.path}`);
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
      text: `tag ${tag} in the OCI layout ${path} has moved to ${digests.find((found) => found !== digest)}; using ${digest}, as the reference says`,
    });
  }
}
