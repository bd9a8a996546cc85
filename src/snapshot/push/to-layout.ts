/**
 * Adds an image to an OCI layout on disk, beside other processes that do the same and may be killed: a blob gets its
 * name when its bytes were hashed and synced, and `index.json` is read, changed and replaced under a lock.
 */
import { open, readdir, readFile, rename, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { JobContext } from '../../contract/session.ts';
import { type Digest, digestAlgorithm, digestHex } from '../../core/digest.ts';
import { CtxsrcError, localError } from '../../core/errors.ts';
import { isObject, jsonObject } from '../../core/is-object.ts';
import { printable } from '../../core/printable.ts';
import { shellWord } from '../../core/shell-word.ts';
import { makeDirectory } from '../../fs/write/make-directory.ts';
import { removeTree } from '../../fs/write/remove-tree.ts';
import { syncDirectory } from '../../fs/write/sync-directory.ts';
import { checkMarker, indexEntries, MAX_INDEX_BYTES } from '../../image/layout/directory.ts';
import { REF_NAME } from '../../oci/annotations.ts';
import { MEDIA_TYPE } from '../../oci/media-types.ts';
import { blobOf, contentOfFile, type OutgoingBlob, verified } from '../../registry/push/blob.ts';
import { Locks } from '../../store/sharing/locks.ts';
import { newStaging, removeDeadParts } from '../write/beside.ts';
import { type IndexEntry, isTagged } from './index-entry.ts';
import type { PushPlan } from './plan.ts';
import type { Pushed, Transfer } from './push.ts';

const INDEX = 'index.json';
const MARKER = 'oci-layout';

interface IndexDocument extends IndexEntry {
  readonly manifests: readonly IndexEntry[];
}

export interface LayoutDestination {
  /** Absolute. */
  readonly path: string;
  readonly tag: string;
}

/**
 * Writes what the layout lacks, then moves the tag.
 * @throws E_TARGET_EXISTS for a directory that is no layout, E_LAYOUT_INVALID, E_LOCK_TIMEOUT, errors of reading the
 * image, and those of the disk
 */
export async function pushToLayout(
  job: JobContext,
  plan: PushPlan,
  { path, tag }: LayoutDestination,
  transfer: Transfer,
): Promise<Pushed> {
  const layout = new LayoutWriter(path);
  try {
    await layout.check();
    if (!transfer.dryRun) await layout.make();
    const documents = [...plan.children, plan.root, ...(plan.beside?.documents ?? [])].map(({ digest, bytes }) =>
      blobOf(bytes, 'manifest', digest),
    );
    for (const blob of [...plan.blobs, ...(plan.beside?.blobs ?? []), ...documents]) {
      job.signal.throwIfAborted();
      if (await layout.has(blob)) transfer.tell(blob, 'present');
      else {
        if (!transfer.dryRun) await layout.add(job, blob);
        transfer.tell(blob, 'sent');
      }
    }
    const moved = transfer.dryRun ? !(await layout.names(tag, plan.root.digest)) : await layout.moveTag(job, tag, plan);
    return { moved };
  } catch (error) {
    throw localError(error, `cannot push into the OCI layout ${printable(path)}`);
  }
}

class LayoutWriter {
  readonly #root: string;
  readonly #locks: Locks;

  constructor(root: string) {
    this.#root = root;
    // Files of the lock lie in the layout itself, for its writers may have different stores.
    this.#locks = new Locks({
      ensure: async () => undefined,
      path: (_folder, ...names) => join(root, ...names),
      step: () => undefined,
    });
  }

  /**
   * Checks that the directory is a layout, or can become one; nothing is written.
   * @throws E_TARGET_EXISTS, E_LAYOUT_INVALID
   */
  async check(): Promise<void> {
    const marker = await this.#read(MARKER);
    if (marker !== undefined) checkMarker(marker, (problem) => this.#invalid(problem));
    else {
      const strange = ((await readdir(this.#root).catch(absent)) ?? []).filter((name) => !OWN.test(name));
      // Another writer may have made it a layout meanwhile.
      if (strange.length > 0 && (await this.#read(MARKER)) === undefined) {
        const message = `${printable(this.#root)} exists and is no OCI layout`;
        throw new CtxsrcError('E_TARGET_EXISTS', message, { hint: 'name a new directory, or a layout' });
      }
    }
    await this.#document();
  }

  /** Makes the directory a layout unless it is one. */
  async make(): Promise<void> {
    makeDirectory(this.#root);
    if ((await this.#read(MARKER)) === undefined) await this.#replace(MARKER, '{"imageLayoutVersion":"1.0.0"}');
    await removeDeadParts(join(this.#root, INDEX));
  }

  /** True if the blob is there and its bytes are right: a killed writer of another kind may have left a part. */
  async has(blob: OutgoingBlob): Promise<boolean> {
    const path = this.#path(blob.digest);
    const found = await stat(path).catch(absent);
    if (found === undefined || !found.isFile() || found.size !== blob.size) return false;
    try {
      for await (const _ of verified(blob, contentOfFile(path)));
      return true;
    } catch (error) {
      if (error instanceof CtxsrcError) return false;
      throw error;
    }
  }

  async add(job: JobContext, blob: OutgoingBlob): Promise<void> {
    const content = await blob.content();
    const path = this.#path(blob.digest);
    makeDirectory(join(this.#root, 'blobs'));
    makeDirectory(dirname(path));
    await this.#write(path, verified(blob, content), job.signal);
  }

  /** True if the tag already names the digest, and nothing else. */
  async names(tag: string, digest: Digest): Promise<boolean> {
    return namesOnly((await this.#document()).manifests, tag, digest);
  }

  /** @returns false if the tag was there already */
  async moveTag(job: JobContext, tag: string, { root, beside }: PushPlan): Promise<boolean> {
    const lock = await this.#locks.acquire(`.${INDEX}`, { signal: job.signal });
    try {
      // Looking for others that wait removes the files of those that were killed.
      await lock.waiters();
      const document = await this.#document();
      const { mediaType, digest, bytes } = root;
      const there = namesOnly(document.manifests, tag, digest);
      let { manifests } = document;
      if (beside !== undefined) {
        const { withCompanions } = await import('./beside-layout.ts');
        manifests = await withCompanions(job, manifests, beside, {
          read: (digest) => readFile(this.#path(digest)).catch(absent),
          write: (path, bytes) => this.#write(this.#path(path), once(bytes)),
        });
      }
      if (there && manifests === document.manifests) return false;
      const entry = { mediaType, digest, size: bytes.length, annotations: { [REF_NAME]: tag } };
      if (!there) manifests = [...manifests.filter((one) => !isTagged(one, tag)), entry];
      await this.#replace(INDEX, JSON.stringify({ ...document, manifests }));
      return !there;
    } finally {
      await lock.release();
    }
  }

  /** The index as it is, with members that this program does not know; an empty one if there is none. */
  async #document(): Promise<IndexDocument> {
    const bytes = await this.#read(INDEX);
    if (bytes === undefined) return { schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests: [] };
    if (bytes.length > MAX_INDEX_BYTES) throw this.#invalid(`${INDEX} has ${bytes.length} bytes`);
    indexEntries(bytes, (problem) => this.#invalid(problem));
    const document = jsonObject(bytes.toString());
    if (document === undefined || !Array.isArray(document.manifests) || !document.manifests.every(isObject)) {
      throw this.#invalid(`${INDEX} has no list of manifests`);
    }
    return { ...document, manifests: document.manifests };
  }

  #read(name: string): Promise<Buffer | undefined> {
    return readFile(join(this.#root, name)).catch(absent);
  }

  #invalid(problem: string): CtxsrcError {
    return new CtxsrcError('E_LAYOUT_INVALID', `${printable(this.#root)} is no valid OCI layout: ${problem}`, {
      hint: `push into a new directory, or mend this one: ${shellWord(join(this.#root, INDEX))}`,
    });
  }

  #path(digest: Digest): string {
    return join(this.#root, 'blobs', digestAlgorithm(digest), digestHex(digest));
  }

  #replace(name: string, text: string): Promise<void> {
    return this.#write(join(this.#root, name), once(Buffer.from(text)));
  }

  /** The file appears whole, and survives a loss of power. */
  async #write(path: string, pieces: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<void> {
    const { part } = newStaging(join(this.#root, INDEX));
    try {
      const file = await open(part, 'wx', 0o644);
      try {
        for await (const piece of pieces) {
          signal?.throwIfAborted();
          await file.writeFile(piece);
        }
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(part, path);
      await syncDirectory(dirname(path));
    } catch (error) {
      await removeTree(part);
      throw error;
    }
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** Names that another writer of this kind makes before the marker is there. */
const OWN = /^(?:blobs|\.index\.json.*)$/;

function namesOnly(entries: IndexDocument['manifests'], tag: string, digest: Digest): boolean {
  const same = entries.filter((entry) => isTagged(entry, tag));
  return same.length === 1 && same[0]!.digest === digest;
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT') return undefined;
  throw error;
}
