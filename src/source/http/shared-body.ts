/** The body of a file in the shared cache. */
import { createReadStream } from 'node:fs';
import type { JobContext, SharedCache, SharedContent, Store } from '../../contract/index.ts';
import type { Digest } from '../../core/digest.ts';
import { removeTree } from '../../fs/write/remove-tree.ts';

/**
 * Brings a body of known digest into the store, if the cache has it.
 * @returns false if it has to come from its origin
 */
export async function takeBody(
  job: JobContext,
  { cache, store, maxBytes }: { readonly cache: SharedCache; readonly store: Store; readonly maxBytes: number },
  { digest, what }: { readonly digest: Digest; readonly what: string },
): Promise<boolean> {
  const dir = await store.tempDir();
  try {
    return await cache.take(job, contentOf(digest, what), {
      dir,
      maxBytes,
      // Not into the store at once: a part of something else must not be resumed from the origin.
      accept: async (task, path) => {
        await store.blobs.ingest(task, { digest }, async ({ offset }) => ({
          body: createReadStream(path, { start: offset }),
          offset,
        }));
      },
    });
  } finally {
    await removeTree(dir);
  }
}

/** Puts a body of the store that came from its origin into the cache. */
export async function offerBody(
  job: JobContext,
  { cache, store, secret }: { readonly cache: SharedCache; readonly store: Store; readonly secret: boolean },
  { digest, what }: { readonly digest: Digest; readonly what: string },
): Promise<void> {
  await cache.offer(job, contentOf(digest, what), { secret, file: async () => store.blobs.path(digest) });
}

const contentOf = (pin: Digest, what: string): SharedContent => ({ kind: 'body', pin, what });
