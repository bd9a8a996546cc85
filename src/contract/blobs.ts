/** Content by digest: what sources and refs see of the blobs of the store. */
import type { Readable } from 'node:stream';
import type { Digest } from '../core/digest.ts';
import type { JobContext } from './session.ts';

export interface BlobStore {
  /** Where a blob lies or would lie. */
  path(digest: Digest): string;
  /** Size in bytes when the blob is there. */
  size(digest: Digest): Promise<number | undefined>;
  /**
   * The whole blob, hashed again while it is read; undefined when it is missing. One that does not match is removed,
   * said so in a warning, and missing. For small blobs: manifests, configs (`E_LIMIT` over `maxBytes`).
   */
  read(digest: Digest, maxBytes: number): Promise<Buffer | undefined>;
  /** A stream of the blob from `offset`; the caller verifies. */
  open(digest: Digest, offset?: number): Readable;
  /**
   * Stores a blob: `produce` is asked for the bytes from `offset` on (greater than 0 when an earlier partial download is
   * resumed). Bytes are hashed on the way; a wrong digest or size is an error and leaves nothing; a blob gets its name
   * only when it is whole and synced. Concurrent callers, other processes included, share one ingest.
   * @returns `cached` when the blob was there or another caller stored it: `growth` may have heard nothing.
   */
  ingest(
    job: JobContext,
    blob: { readonly digest: Digest; readonly size?: number | undefined; readonly mediaType?: string | undefined },
    produce: (resume: { readonly offset: number; readonly validator?: string | undefined }) => Promise<IngestSource>,
    options?: {
      readonly growth?: BlobGrowth | undefined;
    },
  ): Promise<'stored' | 'cached'>;
  /** Stores bytes already in memory, verified against the digest. Without effect where the store cannot be written. */
  put(digest: Digest, bytes: Uint8Array): Promise<void>;
  /** The caller read the blob and its bytes do not match: it is removed and said so in a warning; fetch it again. */
  discard(digest: Digest): Promise<void>;
}

/**
 * Told while a blob is being stored where its bytes lie and how many of them, from the first on, may be read: the part
 * kept from an earlier run at once, then again after every write. It is one file during the whole call, which gets its
 * final name at the end (open it when first told; the descriptor stays good). The bytes are not verified yet: what is
 * made of them is thrown away when `ingest` fails. Nothing holds the download back. Must be quick and must not throw.
 */
export type BlobGrowth = (path: string, bytes: number) => void;

/** The answer of a blob's origin. `offset` is where `body` begins: smaller than asked for when the origin cannot resume. */
export interface IngestSource {
  /** A piece belongs to the origin again when the next one is asked for: who wants to keep it copies it. */
  readonly body: AsyncIterable<Uint8Array>;
  readonly offset: number;
  /** Bytes of the whole, where the origin says so. For progress only. */
  readonly size?: number | undefined;
  /** Lets the origin recognise that a later range belongs to the same bytes (ETag). Kept beside a partial download. */
  readonly validator?: string | undefined;
  /** Whether another try may give other bytes when these are wrong: the body broke off and went on, or a mirror sent it. */
  readonly doubtful?: (() => boolean) | undefined;
  /** Called when the bytes have turned out to be wrong. */
  readonly refused?: (() => void) | undefined;
  /** What it is and who has it, for messages: `blob sha256:… of registry.example/team/app`. */
  readonly what?: string | undefined;
}
