/**
 * Adds a blob to the store: bytes are written to `ingest/<algorithm>-<hex>` and hashed on the way; a file that is
 * complete and verified is renamed. An interrupted download stays and is resumed, by this process or a later one.
 *
 * Nothing waits for the disk: after a power cut a blob may be cut short, or zeros. It is hashed again whenever it is used,
 * and then fetched again, which costs less than the disk's answer for every blob of every run.
 *
 * Only one ingest works on a blob at a time. Callers in this process join it; other processes wait for its lock, watch
 * the file grow, and continue with its file if it dies. So the file needs no unique name: it belongs to the holder of
 * the lock. The lock is for a blob and not for a run, for images share blobs; without it 60 small blobs take 0.97 to 1.00
 * of the time (bench/RESULTS.md).
 */

import type { Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, readFile, rename, stat, writeFile } from 'node:fs/promises';
import type { BlobGrowth, BlobStore, IngestSource } from '../../contract/blobs.ts';
import type { JobContext } from '../../contract/session.ts';
import { type Digest, digestAlgorithm, digestHex, hasherFor, shortDigest } from '../../core/digest.ts';
import { CtxsrcError, isAbort, isCtxsrcError } from '../../core/errors.ts';
import { CONTENT_DAMAGED, SIZE_WRONG } from '../../core/integrity-hints.ts';
import { orAbort } from '../../core/once.ts';
import { failureOf, Task } from '../../core/progress.ts';
import { removeFile } from '../../fs/write/remove-file.ts';
import { writeAll } from '../../fs/write/write-all.ts';
import { storeError } from '../failures.ts';
import type { StoreDirectory } from '../layout.ts';
import { bootId } from '../process-identity.ts';
import type { Locks } from '../sharing/locks.ts';

interface IngestBlob {
  readonly digest: Digest;
  readonly size?: number | undefined;
}

type Produce = Parameters<BlobStore['ingest']>[2];

/** The part of the blob store that an ingest uses. */
interface BlobFiles {
  path(digest: Digest): string;
  matches(digest: Digest): Promise<boolean>;
  discard(digest: Digest): Promise<void>;
  size(digest: Digest): Promise<number | undefined>;
  makeParent(digest: Digest): Promise<void>;
}

/** A smaller blob is quicker fetched anew than its part is taken up again, which takes a note beside each part. */
const LEAST_RESUMED = 1 << 20;

/** Bytes of an earlier part that are read at once. */
const READ_SIZE = 1 << 20;

export class Ingests {
  readonly #directory: StoreDirectory;
  readonly #locks: Locks;
  readonly #blobs: BlobFiles;
  readonly #running = new Map<Digest, Promise<void>>();

  constructor(directory: StoreDirectory, locks: Locks, blobs: BlobFiles) {
    this.#directory = directory;
    this.#locks = locks;
    this.#blobs = blobs;
  }

  /**
   * `BlobStore.ingest` of the contract.
   * @throws E_DIGEST_MISMATCH, E_SIZE_MISMATCH, E_DISK_FULL, E_LOCK_TIMEOUT, what `produce` throws
   */
  async run(
    job: JobContext,
    blob: IngestBlob,
    produce: Produce,
    growth: BlobGrowth | undefined,
  ): Promise<'stored' | 'cached'> {
    for (;;) {
      job.signal.throwIfAborted();
      if (await this.#isThere(blob)) return 'cached';
      const running = this.#running.get(blob.digest);
      if (running === undefined) break;
      // A failure is shared with the callers who joined, unless it was only the first caller's abort.
      await orAbort(running, job.signal).catch((error: unknown) => {
        if (!isAbort(error) || job.signal.aborted) throw error;
      });
    }
    const work = this.#ingest(job, blob, produce, growth);
    const outcome = work.then(() => undefined);
    outcome.catch(() => undefined);
    this.#running.set(blob.digest, outcome);
    try {
      return await work;
    } finally {
      this.#running.delete(blob.digest);
    }
  }

  async #isThere({ digest, size }: IngestBlob): Promise<boolean> {
    const found = await this.#blobs.size(digest);
    if (found === undefined) return false;
    if (size === undefined || found === size) return true;
    if (!(await this.#blobs.matches(digest))) {
      await this.#blobs.discard(digest);
      return false;
    }
    throw new CtxsrcError(
      'E_SIZE_MISMATCH',
      `blob ${digest} has ${found} bytes in the cache, and ${size} were announced`,
      {
        hint: 'the manifest that announced the size is wrong: whoever published the image has to mend it',
      },
    );
  }

  async #ingest(
    job: JobContext,
    blob: IngestBlob,
    produce: Produce,
    growth: BlobGrowth | undefined,
  ): Promise<'stored' | 'cached'> {
    await this.#directory.ensure();
    const partial = this.#directory.path('ingest', blob.digest.replace(':', '-'));
    let waiting: Task | undefined;
    const lock = await this.#locks.acquire(`blob-${blob.digest.replace(':', '-')}`, {
      signal: job.signal,
      onWait: async () => {
        waiting ??= new Task(job.progress, 'wait', `blob ${shortDigest(blob.digest)}`, { total: blob.size });
        const size = await sizeOf(partial);
        waiting.advance(size);
        return size;
      },
    });
    try {
      if (await this.#isThere(blob)) {
        waiting?.end('cached');
        return 'cached';
      }
      waiting?.end();
      await this.#blobs.makeParent(blob.digest);
      const resumed = await this.#transfer(job, blob, produce, growth, partial, true);
      // The earlier part was bad: start again, unless `growth` has announced its bytes.
      if (!resumed) await this.#transfer(job, blob, produce, growth, partial, false);
      return 'stored';
    } catch (error) {
      waiting?.end(failureOf(job.signal, error));
      throw error;
    } finally {
      await lock.release();
    }
  }

  /** @returns false if the bytes do not match but another attempt may, so that the caller starts again */
  async #transfer(
    job: JobContext,
    { digest, size }: IngestBlob,
    produce: Produce,
    growth: BlobGrowth | undefined,
    partial: string,
    mayResume: boolean,
  ): Promise<boolean> {
    const note = `${partial}.json`;
    const isSmall = size !== undefined && size < LEAST_RESUMED;
    const kept = mayResume && !isSmall ? await keptPart(partial, note, size) : { size: 0, validator: undefined };
    const hash = hasherFor(digest);
    let keep = !isSmall;
    let file: FileHandle | undefined;
    let source: IngestSource | undefined;
    try {
      file = await open(partial, kept.size > 0 ? 'r+' : 'w', 0o644);
      if (kept.size > 0) {
        await file.truncate(kept.size);
        await rehash(partial, kept.size, hash);
        growth?.(partial, kept.size);
      }
      source = await produce({ offset: kept.size, validator: kept.validator });
      // Written for each ingest before its first byte: a part without a note is of unknown origin and not resumed.
      if (!isSmall) await writeFile(note, JSON.stringify({ boot: bootId(), validator: source.validator }));
      this.#directory.step('ingest:begun');
      const written = await write(job, source, file, kept.size, {
        digest,
        size,
        hash,
        grown: (bytes) => growth?.(partial, bytes),
      });
      const actual = hash.digest('hex');
      const { what = `blob ${digest}` } = source;
      if (size !== undefined && written !== size) {
        throw new CtxsrcError('E_SIZE_MISMATCH', `${what} ends after ${written} of ${size} bytes`, {
          hint: SIZE_WRONG,
        });
      }
      if (actual !== digestHex(digest)) {
        throw new CtxsrcError(
          'E_DIGEST_MISMATCH',
          `${what} is damaged: its content has the digest ${digestAlgorithm(digest)}:${actual}`,
          { hint: CONTENT_DAMAGED },
        );
      }
      await file.close();
      file = undefined;
      // The note is removed first: after a crash here the part is fetched anew, and no orphaned note stays.
      if (!isSmall) await removeFile(note);
      await rename(partial, this.#blobs.path(digest));
      this.#directory.step('ingest:renamed');
      return true;
    } catch (error) {
      const failure = storeError(error, `cannot store blob ${digest} in the cache`);
      const wrong = isCtxsrcError(failure, 'E_SIZE_MISMATCH') || isCtxsrcError(failure, 'E_DIGEST_MISMATCH');
      if (wrong) source?.refused?.();
      // The disk is full or the limit was exceeded, so the part is removed, too.
      if (wrong || isCtxsrcError(failure, 'E_DISK_FULL') || isCtxsrcError(failure, 'E_LIMIT')) keep = false;
      if (!wrong || !mayResume || (kept.size === 0 && source?.doubtful?.() !== true)) throw failure;
      if (growth === undefined) return false;
      throw failure.with({
        details: { resumed: true },
        hint: 'a part of the download was bad: run again, it starts anew',
      });
    } finally {
      // A file that is closed has its final name.
      await file?.close();
      if (file !== undefined && (!keep || (await sizeOf(partial)) === 0)) {
        await removeFile(partial);
        await removeFile(note);
      }
    }
  }
}

/** The usable part of an earlier download. After a power loss it may be zeros, so only a part from this boot counts. */
async function keptPart(
  partial: string,
  note: string,
  size: number | undefined,
): Promise<{ size: number; validator: string | undefined }> {
  const nothing = { size: 0, validator: undefined };
  const length = await sizeOf(partial);
  if (length === 0 || (size !== undefined && length >= size)) return nothing;
  try {
    const { boot, validator } = JSON.parse(await readFile(note, 'utf8')) as { boot?: unknown; validator?: unknown };
    if (boot !== bootId() || boot === '0') return nothing;
    return { size: length, validator: typeof validator === 'string' ? validator : undefined };
  } catch {
    return nothing;
  }
}

async function rehash(partial: string, size: number, hash: Hash): Promise<void> {
  const stream = createReadStream(partial, { end: size - 1, highWaterMark: READ_SIZE });
  for await (const chunk of stream as AsyncIterable<Buffer>) hash.update(chunk);
}

/**
 * Appends the body to the `offset` bytes of the file, and hashes it.
 * @returns the size of the whole
 */
async function write(
  job: JobContext,
  source: IngestSource,
  file: FileHandle,
  offset: number,
  blob: IngestBlob & { readonly hash: Hash; readonly grown: (bytes: number) => void },
): Promise<number> {
  // An origin that cannot resume sends the first bytes again; if the digest matches, they were the same.
  let skip = offset - source.offset;
  if (skip < 0) {
    throw new CtxsrcError(
      'E_REGISTRY_PROTOCOL',
      `asked for blob ${blob.digest} from byte ${offset}, got it from byte ${source.offset}`,
      { hint: 'the server, or a proxy before it, mixes up ranges: try it directly, or a mirror (--mirror)' },
    );
  }
  let position = offset;
  for await (let chunk of source.body) {
    job.signal.throwIfAborted();
    if (skip > 0) {
      const skipped = Math.min(skip, chunk.length);
      skip -= skipped;
      chunk = chunk.subarray(skipped);
    }
    if (chunk.length === 0) continue;
    if (blob.size !== undefined && position + chunk.length > blob.size) {
      const { what = `blob ${blob.digest}` } = source;
      throw new CtxsrcError('E_SIZE_MISMATCH', `${what} goes on after its ${blob.size} bytes`, { hint: SIZE_WRONG });
    }
    // Written by a thread of the pool, hashed by this one. The chunk may be reused only after both.
    const written = writeAll(file, chunk, position);
    blob.hash.update(chunk);
    await written;
    position += chunk.length;
    blob.grown(position);
  }
  job.signal.throwIfAborted();
  return position;
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}
