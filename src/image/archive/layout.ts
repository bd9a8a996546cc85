/** An OCI image layout in a tar file (image-spec, image-layout.md), read in place. */
import type { JobContext, SourceEnv } from '../../contract/index.ts';
import { type Digest, digestAlgorithm, digestHex } from '../../core/digest.ts';
import { CtxsrcError } from '../../core/errors.ts';
import type { TarMember } from '../../layer/tar/index-of-members.ts';
import type { Descriptor } from '../../oci/types.ts';
import { checkMarker, indexEntries, type Layout, MAX_INDEX_BYTES, MAX_LAYOUT_FILE_BYTES } from '../layout/directory.ts';
import { ArchiveFile } from './file.ts';
import { archiveHint } from './kind.ts';

export class ArchiveLayout implements Layout {
  readonly #file: ArchiveFile;

  private constructor(file: ArchiveFile) {
    this.#file = file;
  }

  /**
   * Opens an archive and checks the marker of its layout.
   * @throws E_LAYOUT_INVALID, and those of `ArchiveFile.open`
   */
  static async open(path: string, job: JobContext, env: Pick<SourceEnv, 'store' | 'limits'>): Promise<ArchiveLayout> {
    const layout = new ArchiveLayout(await ArchiveFile.open(path, job, env));
    checkMarker(await layout.#required('oci-layout', MAX_LAYOUT_FILE_BYTES), (problem) => layout.#invalid(problem));
    return layout;
  }

  async entries(): Promise<readonly Descriptor[]> {
    const bytes = await this.#required('index.json', MAX_INDEX_BYTES);
    const entries = indexEntries(bytes, (problem) => this.#invalid(problem));
    // docker saves an image that was named by its digest in this form.
    if (entries.length === 0 && this.#file.find('manifest.json') !== undefined) {
      throw new CtxsrcError('E_NOT_FOUND', `index.json in the OCI archive ${this.#file.path} lists no image`, {
        hint: archiveHint(this.#file, ''),
      });
    }
    return entries;
  }

  async readBlob(digest: Digest, maxBytes: number): Promise<Buffer> {
    return this.#file.readMember(this.#blob(digest), maxBytes, `blob ${digest}`);
  }

  async blobSize(digest: Digest): Promise<number> {
    return this.#blob(digest).size;
  }

  streamBlob(digest: Digest, start: number): AsyncIterable<Uint8Array> {
    return this.#file.stream(this.#blob(digest), start);
  }

  #blob(digest: Digest): TarMember {
    const member = this.#file.find(`blobs/${digestAlgorithm(digest)}/${digestHex(digest)}`);
    if (member !== undefined) return member;
    throw new CtxsrcError('E_BLOB_NOT_FOUND', `blob ${digest} is missing in the OCI archive ${this.#file.path}`, {
      hint: 'make the archive again, with all platforms that are needed',
    });
  }

  async #required(name: string, maxBytes: number): Promise<Buffer> {
    const member = this.#file.find(name);
    if (member === undefined) throw this.#invalid(`it has no file ${name}`);
    return this.#file.readMember(member, maxBytes, name);
  }

  #invalid(problem: string): CtxsrcError {
    return new CtxsrcError('E_LAYOUT_INVALID', `${this.#file.path} is no valid OCI archive: ${problem}`, {
      hint: archiveHint(this.#file, 'an OCI archive is a tar file of an OCI layout'),
    });
  }
}
