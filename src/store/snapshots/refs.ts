/** The refs of a store, and the snapshot store that they share. */
import type { ImmutableRef, Recipe } from '../../contract/ref.ts';
import { CtxsrcError } from '../../core/errors.ts';
import type { ReadLimits } from '../../core/read-limits.ts';
import type { FileBlobStore } from '../blobs/blobs.ts';
import type { StoreDirectory } from '../layout.ts';
import type { FileRecordStore } from '../records.ts';
import type { Leases } from '../sharing/leases.ts';
import type { Locks } from '../sharing/locks.ts';
import { openRef } from './ref.ts';
import { SnapshotStore } from './snapshot-store.ts';
import { Snapshots } from './snapshots.ts';

export type Refs = ReturnType<typeof createRefs>;

export function createRefs(store: {
  readonly directory: StoreDirectory;
  readonly locks: Locks;
  readonly leases: Leases;
  readonly blobs: FileBlobStore;
  readonly records: FileRecordStore;
  readonly limits: ReadLimits | undefined;
}) {
  const { directory, locks, leases, blobs, records, limits } = store;
  const snapshotStore = new SnapshotStore(directory, leases);
  const env = { blobs, leases, snapshots: new Snapshots(snapshotStore, locks, records, limits) };

  return {
    snapshotStore,

    /** `Store.ref` of the contract. */
    open: (recipe: Recipe): Promise<ImmutableRef> => openRef(env, recipe),

    /** `Store.commit` of the contract. */
    async commit(dir: string, id: string): Promise<ImmutableRef> {
      const ref = await openRef(env, committedRecipe(id));
      try {
        await env.snapshots.commit(dir, id);
      } catch (error) {
        await ref.release();
        throw error;
      }
      return ref;
    },
  };
}

/** The files of a committed directory exist only in the store, and only as a whole. */
function committedRecipe(id: string): Recipe {
  return {
    id,
    produce: async () => {
      throw new CtxsrcError('E_BLOB_NOT_FOUND', `the files of ${id} are no longer in the cache`, {
        hint: 'run again to make them anew',
      });
    },
  };
}
