/** The content of an image, from the store if present, else from its registry. */
import type { JobContext, SourceEnv } from '../contract/index.ts';
import type { IngestSource } from '../contract/store.ts';
import { type Digest, digestLike, shortDigest } from '../core/digest.ts';
import { CtxsrcError } from '../core/errors.ts';
import { Task } from '../core/progress.ts';
import type { Resume } from '../http/resume.ts';
import { type BlobProvider, verifyDocument } from '../image/provider.ts';
import { detectMediaType, MAX_DOCUMENT_BYTES } from '../oci/decode.ts';
import { isConfigType } from '../oci/media-types.ts';
import { formatReference, type ImageReference, nameOf } from '../oci/reference.ts';
import type { Descriptor } from '../oci/types.ts';
import type { RegistryClient } from '../registry/client.ts';
import type { ResolvedManifest } from '../registry/manifests.ts';
import type { RepositoryName } from '../registry/mirrors.ts';
import { sharedClient } from '../registry/shared-client.ts';

export class RegistryProvider implements BlobProvider {
  readonly #reference: ImageReference;
  readonly #env: SourceEnv;
  readonly repository: RepositoryName;
  readonly phase = 'download';
  readonly storeName: string;

  constructor(reference: ImageReference, env: SourceEnv) {
    this.#reference = reference;
    this.#env = env;
    this.repository = { host: reference.domain, repository: reference.path };
    this.storeName = formatReference(reference);
  }

  blobReference(digest: Digest): string {
    return `docker-image+blob://${nameOf(this.#reference)}@${digest}`;
  }

  async resolve(job: JobContext): Promise<Descriptor> {
    const { digest, tag } = this.#reference;
    const { blobs } = this.#env.store;
    if (digest !== undefined) {
      // Content in the store needs no request: its digest proves it.
      const bytes = await blobs.read(digest, MAX_DOCUMENT_BYTES);
      if (bytes !== undefined) {
        return { digest, size: bytes.length, mediaType: detectMediaType(bytes, digest) };
      }
    }
    const client = await this.#client(
      digest === undefined ? `what ${this.storeName} points at is not known` : `${this.storeName} is not in the store`,
    );
    const { descriptor, bytes } = await this.#ask(job, client, digest ?? tag ?? 'latest');
    if (digest !== undefined && descriptor.digest !== digest) {
      throw new CtxsrcError('E_DIGEST_MISMATCH', `${this.storeName}: the registry answers with ${descriptor.digest}`, {
        hint: 'the registry, or a proxy before it, changes content: try it directly, or a mirror (--mirror)',
      });
    }
    if (bytes !== undefined && digestLike(descriptor.digest, bytes) === descriptor.digest) {
      await blobs.put(descriptor.digest, bytes);
    }
    return descriptor;
  }

  #ask(job: JobContext, client: RegistryClient, reference: string): Promise<ResolvedManifest> {
    return Task.run(job, 'resolve', this.storeName, () => client.resolve(job, this.repository, reference));
  }

  async document(job: JobContext, descriptor: Descriptor): Promise<Uint8Array> {
    const { blobs } = this.#env.store;
    const stored = await blobs.read(descriptor.digest, MAX_DOCUMENT_BYTES);
    if (stored !== undefined) return stored;
    const kind = isConfigType(descriptor.mediaType) ? 'configuration' : 'manifest';
    const client = await this.#client(`${kind} ${descriptor.digest} of ${this.storeName} is not in the store`);
    if (kind === 'manifest') {
      const { bytes } = await client.manifest(job, this.repository, descriptor.digest, descriptor.size);
      await blobs.put(descriptor.digest, bytes);
      return bytes;
    }
    const bytes = await client.document(job, this.repository, descriptor.digest, MAX_DOCUMENT_BYTES);
    verifyDocument(descriptor, bytes, this.storeName);
    await blobs.put(descriptor.digest, bytes);
    return bytes;
  }

  async layer(job: JobContext, descriptor: Descriptor, resume: Resume): Promise<IngestSource> {
    const client = await this.#client(`layer ${descriptor.digest} of ${this.storeName} is not in the store`);
    return client.blob(job, this.repository, descriptor.digest, resume);
  }

  async blob(job: JobContext, digest: Digest, resume: Resume, maxBytes: number): Promise<IngestSource> {
    const client = await this.#client(
      `blob ${digest} of ${this.storeName} is not in the store`,
      this.blobReference(digest),
    );
    return client.blob(job, this.repository, digest, resume, maxBytes);
  }

  async requireBlob(job: JobContext, digest: Digest): Promise<void> {
    // Content in the store needs no request, as with images.
    if ((await this.#env.store.blobs.size(digest)) !== undefined) return;
    const client = await this.#client(
      `blob ${digest} of ${this.storeName} is not in the store`,
      this.blobReference(digest),
    );
    await Task.run(job, 'resolve', `blob ${shortDigest(digest)}`, () =>
      client.requireBlob(job, this.repository, digest),
    );
  }

  /** @param reference what to pull to bring the missing content into the store */
  #client(missing: string, reference = `docker-image://${this.storeName}`): Promise<RegistryClient> {
    const { offline, network } = this.#env;
    if (offline) {
      const named = this.#reference.digest === undefined ? ', then name the image by its digest' : '';
      throw new CtxsrcError('E_OFFLINE', `${missing}, and --offline forbids asking ${this.#reference.domain}`, {
        hint: `run ctxsrc pull ${reference} without --offline${named}`,
      });
    }
    return sharedClient(network);
  }
}
