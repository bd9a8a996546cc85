/** Where an image comes from: all in which the image-like sources differ. Everything else they share. */
import type { JobContext } from '../contract/session.ts';
import type { IngestSource } from '../contract/store.ts';
import { type Digest, digestLike } from '../core/digest.ts';
import { CtxsrcError } from '../core/errors.ts';
import { CONTENT_DAMAGED, SIZE_WRONG } from '../core/integrity-hints.ts';
import { MAX_DOCUMENT_BYTES } from '../oci/decode.ts';
import type { Descriptor } from '../oci/types.ts';
import type { RepositoryName } from '../registry/mirrors.ts';

/** How much of a blob is there already, and what recognises that it is the start of the same content. */
export interface Resume {
  readonly offset: number;
  readonly validator?: string | undefined;
}

/** Gives an image's content. Errors name the place it comes from, and what to do there. */
export interface ContentProvider {
  /** What the reference points at now. Nothing is remembered here: the caller asks once. */
  resolve(job: JobContext): Promise<Descriptor>;
  /** The bytes of a manifest, index or configuration; the caller verifies them (`fetchDocument`). */
  document(job: JobContext, descriptor: Descriptor): Promise<Uint8Array>;
  /** The bytes of a layer blob from `resume.offset` on; whoever stores them verifies them. */
  layer(job: JobContext, descriptor: Descriptor, resume: Resume): Promise<IngestSource>;
  /** A file that holds the layer, where there is one that can be read in place. */
  layerFile?(descriptor: Descriptor): Promise<string | undefined>;
  /** What bringing a layer into the store is, for progress. */
  readonly phase: 'download' | 'copy';
  /** How one of its blobs is had as a file, for people: a reference to type. */
  blobReference?(digest: Digest): string;
  /** The repository that it lies in, when that is a registry's. */
  readonly repository?: RepositoryName | undefined;
  /** The name under which the store lists the image when all of it is there. */
  readonly storeName: string;
  /** What the root was chosen among by its platform, where that was not in an index of the image; after `resolve`. */
  offered?(): readonly Descriptor[];
  /** What else could have been meant, for completion and errors. */
  candidates?(job: JobContext): Promise<readonly string[]>;
}

/** Where single blobs are had from too. */
export interface BlobProvider extends ContentProvider {
  /** Asks whether a blob is there, without reading it. @throws E_BLOB_NOT_FOUND, and what the provider throws */
  requireBlob(job: JobContext, digest: Digest): Promise<void>;
  /**
   * The bytes of a blob that no descriptor tells the size of, from `resume.offset` on, not verified.
   * @throws E_LIMIT over `maxBytes`, before any byte of it where its place says its size
   */
  blob(job: JobContext, digest: Digest, resume: Resume, maxBytes: number): Promise<IngestSource>;
}

/**
 * A manifest, index or configuration, verified against its descriptor before anyone reads it.
 * @throws E_LIMIT over 4 MiB, E_SIZE_MISMATCH, E_DIGEST_MISMATCH, and what the provider throws
 */
export async function fetchDocument(
  job: JobContext,
  provider: ContentProvider,
  descriptor: Descriptor,
): Promise<Uint8Array> {
  const { digest, size } = descriptor;
  if (size > MAX_DOCUMENT_BYTES) throw documentTooLarge(digest, size);
  const bytes = await provider.document(job, descriptor);
  verifyDocument(descriptor, bytes, provider.storeName);
  return bytes;
}

/** A document for messages: `manifest sha256:… of oci-layout://./base`. */
export function documentName(kind: string, digest: string, { storeName }: ContentProvider): string {
  return storeName.endsWith(`@${digest}`) ? storeName : `${kind} ${digest} of ${storeName}`;
}

/** The error for a document over the limit. */
function documentTooLarge(what: string, size: number): CtxsrcError {
  return new CtxsrcError('E_LIMIT', `${what} has ${size} bytes; manifests and configurations over 4 MiB are refused`);
}

/**
 * @param where what the document belongs to, for messages
 * @throws E_SIZE_MISMATCH, E_DIGEST_MISMATCH
 */
export function verifyDocument({ digest, size }: Descriptor, bytes: Uint8Array, where: string): void {
  if (bytes.length !== size) {
    throw new CtxsrcError(
      'E_SIZE_MISMATCH',
      `${digest} of ${where} has ${bytes.length} bytes, but ${size} were declared`,
      {
        hint: SIZE_WRONG,
      },
    );
  }
  const found = digestLike(digest, bytes);
  if (found !== digest) {
    throw new CtxsrcError('E_DIGEST_MISMATCH', `the bytes of ${digest} of ${where} have the digest ${found}`, {
      hint: CONTENT_DAMAGED,
    });
  }
}
