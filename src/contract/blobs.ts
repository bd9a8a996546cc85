/** The blobs of the store by digest, as sources and refs see them. */
import type { Readable } from 'node:stream';
import type { Digest } from '../core/digest.ts';
import type { JobContext } from './session.ts';

/** Blobs by digest. */
export interface BlobStore {
  /** The path of a blob, whether it is there or not. */
  path(digest: Digest): string;
  /** Size in bytes; undefined when the blob is missing. */
  size(digest: Digest): Promise<number | undefined>;
  /**
   * The whole blob, verified while it is read; undefined when it is missing. A blob that does not match its digest is
   * removed with a warning and counts as missing. For small blobs such as manifests and configurations (`E_LIMIT` over
   * `maxBytes`).
   */
  read(digest: Digest, maxBytes: number): Promise<Buffer | undefined>;
  /** A stream of the blob from `offset`; the caller verifies. */
  open(digest: Digest, offset?: number): Readable;
  /**
   * Stores a blob. `produce` is called for the bytes from `offset` on, which is above 0 when an earlier partial
   * download is resumed. The bytes are hashed on the way; a wrong digest or size is an error and leaves nothing behind.
   * The blob gets its name only when it is complete and verified. Concurrent callers, in other processes too, share one
   * ingest.
   * @returns `cached` when the blob was there or another caller stored it; `growth` may not have been called then
   */
  ingest(
    job: JobContext,
    blob: { readonly digest: Digest; readonly size?: number | undefined; readonly mediaType?: string | undefined },
    produce: (resume: { readonly offset: number; readonly validator?: string | undefined }) => Promise<IngestSource>,
    options?: {
      readonly growth?: BlobGrowth | undefined;
    },
  ): Promise<'stored' | 'cached'>;
  /** Stores bytes that are in memory, verified against the digest. Does nothing when the store is not writable. */
  put(digest: Digest, bytes: Uint8Array): Promise<void>;
  /**
   * Removes a blob, with a warning, because the caller found that its bytes do not match. The caller should fetch it
   * again.
   */
  discard(digest: Digest): Promise<void>;
}

/**
 * Called while a blob is being stored, with the path of the file and the number of its bytes that may be read: first
 * with the part kept from an earlier run, then after every write. The file is the same during the whole call and gets
 * its final name at the end; open it at the first call, and the descriptor stays valid. The bytes are not verified yet:
 * discard what you made of them if `ingest` fails. The download does not wait for the reader. The callback must be
 * quick and must not throw.
 */
export type BlobGrowth = (path: string, bytes: number) => void;

/**
 * The response of a blob's origin. `body` begins at `offset`, which is less than the offset asked for when the origin
 * cannot resume.
 */
export interface IngestSource {
  /** A chunk is valid until the next one is asked for; copy it to keep it. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Where the body begins, in bytes. */
  readonly offset: number;
  /** Size of the whole blob in bytes, if the origin states it. For progress only. */
  readonly size?: number | undefined;
  /**
   * Lets the origin recognise whether a later range belongs to the same bytes (an ETag). Stored beside a partial
   * download.
   */
  readonly validator?: string | undefined;
  /**
   * True if another attempt may give other bytes when these are wrong: the body was interrupted and resumed, or came
   * from a mirror.
   */
  readonly doubtful?: (() => boolean) | undefined;
  /** Called when the bytes do not match. */
  readonly refused?: (() => void) | undefined;
  /** The blob and its origin, for messages: `blob sha256:… of registry.example/team/app`. */
  readonly what?: string | undefined;
}
