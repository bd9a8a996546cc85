/**
 * Blobs: `blobs/<algorithm>/<hex>`, as in an OCI image layout. Only bytes that were hashed get such a name, so an
 * existing blob is complete; it is hashed again when it is used, because disks and people change files.
 *
 * The mtime of a blob is the time of its last use, which collection goes by.
 */

import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { BlobStore } from '../../contract/blobs.ts';
import type { RecipeLayer } from '../../contract/ref.ts';
import type { JobContext } from '../../contract/session.ts';
import { type Digest, digestAlgorithm, digestHex, digestLike, hasherFor, shortDigest } from '../../core/digest.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { CONTENT_DAMAGED, LAYOUT_DAMAGED } from '../../core/integrity-hints.ts';
import type { Progress } from '../../core/progress.ts';
import { shellWord } from '../../core/shell-word.ts';
import { makeDirectory } from '../../fs/write/make-directory.ts';
import { removeFile } from '../../fs/write/remove-file.ts';
import { storeError } from '../failures.ts';
import type { StoreDirectory } from '../layout.ts';
import { touch } from '../process-identity.ts';
import type { Leases } from '../sharing/leases.ts';
import type { Locks } from '../sharing/locks.ts';
import type { Ingests } from './ingest.ts';

/** Bytes read from disk at once. */
const READ_SIZE = 1 << 20;

export class FileBlobStore implements BlobStore {
  readonly #directory: StoreDirectory;
  readonly #leases: Leases;
  readonly #progress: Progress;
  readonly #locks: Locks;
  readonly #used = new Set<Digest>();
  #ingests: Promise<Ingests> | undefined;

  constructor(directory: StoreDirectory, locks: Locks, leases: Leases, progress: Progress) {
    this.#directory = directory;
    this.#leases = leases;
    this.#progress = progress;
    this.#locks = locks;
  }

  path(digest: Digest): string {
    return this.#directory.path('blobs', digestAlgorithm(digest), digestHex(digest));
  }

  async size(digest: Digest): Promise<number | undefined> {
    await this.#use(digest);
    try {
      const found = await stat(this.path(digest));
      if (!found.isFile()) return undefined;
      // A power cut may leave an empty file of a blob: as good as none.
      return found.size > 0 || digestLike(digest, Buffer.alloc(0)) === digest ? found.size : undefined;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw storeError(error, `cannot look for blob ${digest} in the cache`);
    }
  }

  async read(digest: Digest, maxBytes: number): Promise<Buffer | undefined> {
    await this.#use(digest);
    let bytes: Buffer;
    try {
      const file = await open(this.path(digest), 'r');
      try {
        const { size } = await file.stat();
        if (size > maxBytes) {
          throw new CtxsrcError('E_LIMIT', `blob ${digest} has ${size} bytes, and at most ${maxBytes} are read`);
        }
        bytes = await file.readFile();
      } finally {
        await file.close();
      }
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw storeError(error, `cannot read blob ${digest} from the cache`);
    }
    if (digestLike(digest, bytes) === digest) return bytes;
    await this.discard(digest);
    return undefined;
  }

  open(digest: Digest, offset = 0): Readable {
    return createReadStream(this.path(digest), { start: offset, highWaterMark: READ_SIZE });
  }

  async ingest(...[job, blob, produce, options]: Parameters<BlobStore['ingest']>): Promise<'stored' | 'cached'> {
    this.#ingests ??= import('./ingest.ts').then(({ Ingests }) => new Ingests(this.#directory, this.#locks, this));
    return (await this.#ingests).run(job, blob, produce, options?.growth);
  }

  async put(digest: Digest, bytes: Uint8Array): Promise<void> {
    const actual = digestLike(digest, bytes);
    if (actual !== digest) {
      throw new CtxsrcError('E_DIGEST_MISMATCH', `expected ${digest}, but the content has digest ${actual}`, {
        hint: CONTENT_DAMAGED,
      });
    }
    // The caller has the bytes: it can continue without a cache.
    await this.#directory.keep(async () => {
      if ((await this.size(digest)) === bytes.length) return;
      await this.makeParent(digest);
      await this.#directory.replaceFile(this.path(digest), bytes, 'file');
    });
  }

  async discard(digest: Digest): Promise<void> {
    await removeFile(this.path(digest)).catch((error: unknown) => {
      throw new CtxsrcError('E_STORE_CORRUPT', `blob ${digest} in the cache is damaged and cannot be removed`, {
        cause: error,
        hint: `remove ${shellWord(this.path(digest))}`,
      });
    });
    this.#progress.emit({
      type: 'message',
      level: 'warning',
      text: `blob ${shortDigest(digest)} in the cache was damaged and has been removed`,
      hint: 'run ctxsrc cache verify to check the rest',
    });
  }

  /** True if the blob exists and its bytes match. Reads all of it. */
  async matches(digest: Digest): Promise<boolean> {
    const hash = hasherFor(digest);
    for await (const chunk of this.open(digest) as AsyncIterable<Buffer>) hash.update(chunk);
    return hash.digest('hex') === digestHex(digest);
  }

  /** The directory of sha256 exists from the start, those of other algorithms are made when needed. */
  async makeParent(digest: Digest): Promise<void> {
    if (digestAlgorithm(digest) === 'sha256') return;
    makeDirectory(this.#directory.path('blobs', digestAlgorithm(digest)));
  }

  async #use(digest: Digest): Promise<void> {
    if (this.#used.has(digest)) return;
    if (!(await this.#leases.keep(blobResource(digest)))) return;
    this.#used.add(digest);
    await touch(this.path(digest));
  }
}

/** The name of a blob for leases and locks. */
export function blobResource(digest: Digest): string {
  return `blob-${digest.replace(':', '-')}`;
}

function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  // A store directory that this user cannot read counts as empty.
  return code === 'ENOENT' || code === 'ENOTDIR' || code === 'EACCES';
}

/**
 * The bytes of a layer, fetched if necessary, and verified: the last chunk is held back until the digest was checked. A
 * damaged blob is removed from the store.
 * @throws E_STORE_CORRUPT, E_DIGEST_MISMATCH; what `fetch` throws
 */
export async function* readLayer(job: JobContext, blobs: BlobStore, layer: RecipeLayer): AsyncGenerator<Uint8Array> {
  const { digest } = layer.descriptor;
  if (layer.file === undefined) await layer.fetch(job);
  const stream =
    layer.file === undefined ? blobs.open(digest) : createReadStream(layer.file, { highWaterMark: READ_SIZE });
  const hash = hasherFor(digest);
  let held: Buffer | undefined;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    job.signal.throwIfAborted();
    hash.update(chunk);
    if (held !== undefined) yield held;
    held = chunk;
  }
  if (hash.digest('hex') !== digestHex(digest)) {
    if (layer.file !== undefined) {
      throw new CtxsrcError('E_DIGEST_MISMATCH', `${layer.file} has another content than its digest says`, {
        hint: LAYOUT_DAMAGED,
      });
    }
    await blobs.discard(digest);
    throw new CtxsrcError('E_STORE_CORRUPT', `blob ${digest} in the cache was damaged`, {
      hint: 'it has been removed: run again to fetch it',
    });
  }
  if (held !== undefined) yield held;
}
