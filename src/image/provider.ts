/** Where an image comes from: the only difference between the image sources. */
import type { JobContext } from '../contract/session.ts';
import type { Companion } from '../contract/source.ts';
import type { IngestSource } from '../contract/store.ts';
import { type Digest, digestLike } from '../core/digest.ts';
import { CtxsrcError } from '../core/errors.ts';
import { CONTENT_DAMAGED, SIZE_WRONG } from '../core/integrity-hints.ts';
import type { Resume } from '../http/resume.ts';
import { MAX_DOCUMENT_BYTES } from '../oci/decode.ts';
import type { Descriptor } from '../oci/types.ts';
import type { RepositoryName } from '../registry/mirrors.ts';

/** The content of an image. Errors name its origin, and what to do there. */
export interface ContentProvider {
  /** What the reference points to now. The provider remembers nothing: the caller asks once. */
  resolve(job: JobContext): Promise<Descriptor>;
  /** The bytes of a manifest, index or configuration; the caller verifies them (`fetchDocument`). */
  document(job: JobContext, descriptor: Descriptor): Promise<Uint8Array>;
  /** The bytes of a layer blob from `resume.offset` on; the code that stores them verifies them. */
  layer(job: JobContext, descriptor: Descriptor, resume: Resume): Promise<IngestSource>;
  /** What lies beside the image and is about the manifest or index with this digest. */
  beside?(job: JobContext, subject: Digest): Promise<readonly Companion[]>;
  /** A file that contains the layer, if it can be read in place. */
  layerFile?(descriptor: Descriptor): Promise<string | undefined>;
  /** The phase of bringing a layer into the store, for progress. */
  readonly phase: 'download' | 'copy';
  /** A reference by which one of its blobs can be read as a file, for people. */
  blobReference?(digest: Digest): string;
  /** The repository of the image, if it is in a registry. */
  readonly repository?: RepositoryName | undefined;
  /** The name under which the store lists the image when it is complete. */
  readonly storeName: string;
  /** The entries from which the platform selected the root, if not in an index of the image; after `resolve`. */
  offered?(): readonly Descriptor[];
  /** Possible completions of the reference, for completion and errors. */
  candidates?(job: JobContext): Promise<readonly string[]>;
}

/** A provider that can also read single blobs. */
export interface BlobProvider extends ContentProvider {
  /**
   * Checks that a blob exists, without reading it.
   * @returns its bytes, where that costs no more
   * @throws E_BLOB_NOT_FOUND, and what the provider throws
   */
  requireBlob(job: JobContext, digest: Digest): Promise<number | undefined>;
  /**
   * The bytes of a blob without a descriptor, from `resume.offset` on, not verified.
   * @throws E_LIMIT over `maxBytes`, before its first byte if the size is stated
   */
  blob(job: JobContext, digest: Digest, resume: Resume, maxBytes: number): Promise<IngestSource>;
}

/**
 * A manifest, index or configuration, verified against its descriptor before it is used.
 * @throws E_LIMIT over 4 MiB, E_SIZE_MISMATCH, E_DIGEST_MISMATCH, and what the provider throws
 */
export async function fetchDocument(
  job: JobContext,
  provider: ContentProvider,
  descriptor: Descriptor,
): Promise<Uint8Array> {
  refuseLargeDocument(descriptor);
  const bytes = await provider.document(job, descriptor);
  verifyDocument(descriptor, bytes, provider.storeName);
  return bytes;
}

/** The name of a document, for messages: `manifest sha256:… of oci-layout://./base`. */
export function documentName(kind: string, digest: string, { storeName }: ContentProvider): string {
  return storeName.endsWith(`@${digest}`) ? storeName : `${kind} ${digest} of ${storeName}`;
}

/** @throws E_LIMIT for a document that no registry has to take */
export function refuseLargeDocument({ digest, size }: Descriptor): void {
  if (size <= MAX_DOCUMENT_BYTES) return;
  throw new CtxsrcError('E_LIMIT', `${digest} has ${size} bytes; manifests and configurations over 4 MiB are refused`);
}

/**
 * @param where the origin of the document, for messages
 * @throws E_SIZE_MISMATCH, E_DIGEST_MISMATCH
 */
export function verifyDocument({ digest, size }: Descriptor, bytes: Uint8Array, where: string): void {
  if (bytes.length !== size) {
    const message = `${digest} of ${where} has ${bytes.length} bytes, but ${size} were declared`;
    throw new CtxsrcError('E_SIZE_MISMATCH', message, {
      hint: SIZE_WRONG,
    });
  }
  const found = digestLike(digest, bytes);
  if (found !== digest) {
    throw new CtxsrcError('E_DIGEST_MISMATCH', `the bytes of ${digest} of ${where} have the digest ${found}`, {
      hint: CONTENT_DAMAGED,
    });
  }
}
