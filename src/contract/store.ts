/** What sources see of the local cache. `src/store/` implements it. */
import type { Readable } from 'node:stream';
import type { Digest } from '../core/digest.ts';
import type { ImmutableRef, Recipe } from './ref.ts';
import type { JobContext } from './session.ts';

export interface Store {
  /** The cache directory, absolute. */
  readonly root: string;
  readonly blobs: BlobStore;
  readonly records: RecordStore;
  /** A ref that is made on demand by a recipe; one with the same id shares its files. */
  ref(recipe: Recipe): Promise<ImmutableRef>;
  /** Turns a directory built under `tempDir` into an ImmutableRef. */
  commit(dir: string, id: string): Promise<ImmutableRef>;
  /** A fresh private directory on the store's file system, leased by this process; removed on close if still there. */
  tempDir(): Promise<string>;
  /** Releases leases and temporary files of this process. */
  close(): Promise<void>;
}

export interface BlobStore {
  /** Where a blob lies or would lie. */
  path(digest: Digest): string;
  /** Size in bytes when the blob is there. */
  size(digest: Digest): Promise<number | undefined>;
  /** The whole blob, hashed again while it is read (`E_STORE_CORRUPT` and removal when it does not match; treat as missing). For small blobs: manifests, configs. */
  read(digest: Digest, maxBytes: number): Promise<Buffer | undefined>;
  /** A stream of the blob from `offset`; the caller verifies. */
  open(digest: Digest, offset?: number): Readable;
  /**
   * Stores a blob: `produce` is asked for the bytes from `offset` on (greater than 0 when an earlier partial download is
   * resumed). Bytes are hashed on the way; a wrong digest or size is an error and leaves nothing; a blob gets its name
   * only when it is whole and synced. Concurrent callers, other processes included, share one ingest.
   * @returns `cached` when the blob was there.
   */
  ingest(
    job: JobContext,
    blob: { readonly digest: Digest; readonly size?: number | undefined; readonly mediaType?: string | undefined },
    produce: (resume: { readonly offset: number; readonly validator?: string | undefined }) => Promise<IngestSource>,
    options?: {
      /**
       * Sees every byte in order, the part kept from an earlier run included, while the blob is not verified yet: what
       * it makes of them is thrown away when `ingest` fails. Not called when the blob was there. Its promise holds the
       * download back.
       */
      readonly tap?: ((chunk: Uint8Array) => void | Promise<void>) | undefined;
    },
  ): Promise<'stored' | 'cached'>;
  /** Stores bytes already in memory. */
  put(digest: Digest, bytes: Uint8Array): Promise<void>;
}

/** The answer of a blob's origin. `offset` is where `body` begins: smaller than asked for when the origin cannot resume. */
export interface IngestSource {
  readonly body: AsyncIterable<Uint8Array>;
  readonly offset: number;
  /** Lets the origin recognise that a later range belongs to the same bytes (ETag). Kept beside a partial download. */
  readonly validator?: string | undefined;
}

/** Small JSON records, one file each: validated on read, rebuildable, never trusted for integrity. */
export interface RecordStore {
  get(kind: string, key: string): Promise<unknown>;
  set(kind: string, key: string, value: unknown): Promise<void>;
  delete(kind: string, key: string): Promise<void>;
}
