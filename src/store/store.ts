/**
 * The store: a directory that several processes share. See `docs/store.md` for what lies where and why.
 */
import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { ImmutableRef, Recipe } from '../contract/ref.ts';
import type { Store, StoreAdmin } from '../contract/store.ts';
import { CtxsrcError } from '../core/errors.ts';
import { type Progress, silentProgress } from '../core/progress.ts';
import { removeTree } from '../fs/remove-tree.ts';
import type { Descriptor } from '../oci/types.ts';
import { FileBlobStore } from './blobs.ts';
import { HEARTBEAT, type Heartbeat } from './identity.ts';
import { IndexFile } from './index-file.ts';
import { type OnStep, StoreDirectory, storeError } from './layout.ts';
import { Leases } from './leases.ts';
import { Locks } from './locks.ts';
import { FileRecordStore } from './records.ts';
import { StoredRef } from './ref.ts';
import { SnapshotShelf } from './snapshot-shelf.ts';
import { Snapshots } from './snapshots.ts';
import { Workspaces } from './workspaces.ts';

export interface StoreOptions {
  /** The cache directory. It is created when something is first written. */
  readonly root: string;
  /** Where notes and warnings about the store go. */
  readonly progress?: Progress | undefined;
  /** How leases and locks prove that their owner lives, where its process cannot be seen. */
  readonly heartbeat?: Heartbeat | undefined;
  /** Told when a step that changes the disk is over: tests of crash safety end the process there. */
  readonly onStep?: OnStep | undefined;
}

/**
 * Opens the store in `root`, which need not exist.
 * @throws E_STORE_VERSION for a store of a newer ctxsrc; E_USAGE for a directory that holds something else
 */
export async function openStore(options: StoreOptions): Promise<Store & StoreAdmin> {
  const directory = new StoreDirectory(resolve(options.root), options.onStep);
  directory.inspect();
  const progress = options.progress ?? silentProgress;
  const heartbeat = options.heartbeat ?? HEARTBEAT;
  const locks = new Locks(directory, heartbeat);
  const leases = new Leases(directory, locks, heartbeat);
  const blobs = new FileBlobStore(directory, locks, leases, progress);
  const records = new FileRecordStore(directory, (failure) => blobs.noteUnwritable(failure));
  const index = new IndexFile(directory, locks);
  const shelf = new SnapshotShelf(directory, leases);
  const snapshots = new Snapshots(shelf, locks, records);
  const workspaces = new Workspaces(directory, locks, leases);
  const inventoryEnv = { directory, locks, leases, index };
  const temporary = new Set<string>();

  return {
    root: directory.root,
    blobs,
    records,
    ref: (recipe: Recipe): Promise<ImmutableRef> => StoredRef.open({ blobs, leases, snapshots }, recipe),
    commit: async (dir, id): Promise<ImmutableRef> => {
      const ref = await StoredRef.open({ blobs, leases, snapshots }, committedRecipe(id));
      try {
        await snapshots.commit(dir, id);
      } catch (error) {
        await ref.release();
        throw error;
      }
      return ref;
    },
    tempDir: async () => {
      await directory.ensure();
      await leases.announce();
      const path = directory.temporaryPath();
      try {
        await mkdir(path, { mode: 0o700 });
      } catch (error) {
        throw storeError(error, `cannot make a directory in the cache ${directory.root}`);
      }
      temporary.add(path);
      return path;
    },
    workspace: (job, kind, key) => workspaces.open(job, kind, key),
    tagImage: (name: string, descriptor: Descriptor) => index.tag(name, descriptor),
    close: async () => {
      for (const path of temporary) await removeTree(path);
      temporary.clear();
      await shelf.close();
      // Whoever has written also clears up after those who could not.
      if (directory.isOpen) {
        await leases.removeDead();
        await locks.removeDead();
      }
      await leases.close();
    },
    // What only `ctxsrc cache` needs is loaded when it is asked for.
    list: async () => (await import('./prune.ts')).list(inventoryEnv),
    usage: async () => (await import('./prune.ts')).usage(inventoryEnv),
    prune: async (job, pruneOptions) =>
      (await import('./prune.ts')).prune(job, { ...inventoryEnv, shelf }, pruneOptions),
    verify: async (job) => (await import('./verify.ts')).verifyStore(job, { ...inventoryEnv, blobs, shelf }),
  };
}

/** The files of a committed directory are in the store or nowhere, and there as a whole. */
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
