/** The store: a directory that several processes share. `docs/store.md` describes its layout and the reasons. */
import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { ImmutableRef, Recipe } from '../contract/ref.ts';
import type { Store, StoreAdmin } from '../contract/store.ts';
import { type Progress, silentProgress } from '../core/progress.ts';
import type { ReadLimits } from '../core/read-limits.ts';
import type { Descriptor } from '../oci/types.ts';
import { FileBlobStore } from './blobs/blobs.ts';
import { storeError } from './failures.ts';
import { type OnStep, StoreDirectory } from './layout.ts';
import { HEARTBEAT, type Heartbeat } from './process-identity.ts';
import { FileRecordStore } from './records.ts';
import { Leases } from './sharing/leases.ts';
import { Locks } from './sharing/locks.ts';
import type { Refs } from './snapshots/refs.ts';

export interface StoreOptions {
  /** The cache directory. It is created at the first write. */
  readonly root: string;
  /** Receives notes and warnings about the store. */
  readonly progress?: Progress | undefined;
  /** Limit of what is unpacked into the store for one source; by default that of a snapshot. */
  readonly limits?: ReadLimits | undefined;
  /** How leases and locks prove that their owner lives, for readers that cannot see its process. */
  readonly heartbeat?: Heartbeat | undefined;
  /** Called after each step that changes the disk: tests of crash safety end the process there. */
  readonly onStep?: OnStep | undefined;
}

/**
 * Opens the store in `root`, which need not exist.
 * @throws E_STORE_VERSION for a store of a newer ctxsrc; E_USAGE for a directory with other content
 */
export async function openStore(options: StoreOptions): Promise<Store & StoreAdmin> {
  const progress = options.progress ?? silentProgress;
  const directory = new StoreDirectory(resolve(options.root), progress, options.onStep);
  const strangers = directory.inspect();
  if (strangers !== undefined) {
    const hint =
      'name a directory of your own with --cache-dir or CTXSRC_CACHE_DIR, or mend the owner and mode of this one';
    progress.emit({ type: 'message', level: 'warning', text: strangers, hint });
  }
  const heartbeat = options.heartbeat ?? HEARTBEAT;
  const locks = new Locks(directory, heartbeat);
  const leases = new Leases(directory, locks, heartbeat);
  const blobs = new FileBlobStore(directory, locks, leases, progress);
  const records = new FileRecordStore(directory);
  const temporary = new Set<string>();
  let refs: Promise<Refs> | undefined;

  // Most runs want a key, which needs none of the following code: it is loaded on demand.
  const openRefs = (): Promise<Refs> => {
    const { limits } = options;
    refs ??= import('./snapshots/refs.ts').then(({ createRefs }) =>
      createRefs({ directory, locks, leases, blobs, records, limits }),
    );
    return refs;
  };
  const openEntryIndexes = async () => new (await import('./entry-indexes.ts')).FileEntryIndexes(directory);
  const inventoryEnv = async () => {
    const { IndexFile } = await import('./index-file.ts');
    return { directory, locks, leases, index: new IndexFile(directory, locks) };
  };
  const adminEnv = async () => ({ ...(await inventoryEnv()), blobs, snapshotStore: (await openRefs()).snapshotStore });

  return {
    root: directory.root,
    blobs,
    records,
    entryIndexes: {
      get: async (diffId) => (await openEntryIndexes()).get(diffId),
      put: async (diffId, pieces) => (await openEntryIndexes()).put(diffId, pieces),
    },
    ref: async (recipe: Recipe): Promise<ImmutableRef> => (await openRefs()).open(recipe),
    commit: async (dir, id): Promise<ImmutableRef> => (await openRefs()).commit(dir, id),
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
    workspace: async (job, kind, key, name) => {
      const { openWorkspace } = await import('./workspaces.ts');
      return openWorkspace({ directory, locks, leases }, job, { kind, key, name });
    },
    workspacePath: async (kind, key) => (await import('./workspaces.ts')).workspacePath(directory, kind, key),
    tagImage: async (name: string, descriptor: Descriptor) => {
      const { index } = await inventoryEnv();
      await index.tag(name, descriptor);
    },
    close: async () => {
      if (temporary.size > 0) {
        const { removeTree } = await import('../fs/write/remove-tree.ts');
        for (const path of temporary) await removeTree(path);
        temporary.clear();
      }
      await (await refs)?.snapshotStore.close();
      // A run that wrote also removes the leftovers of dead runs. Leftovers that cannot be removed, because they belong
      // to another user for instance, do not fail this run.
      if (directory.isOpen) {
        await leases.removeDead().catch(() => undefined);
        await locks.removeDead().catch(() => undefined);
      }
      await leases.close();
    },
    list: async (filter) => (await import('./gc/prune.ts')).list(await inventoryEnv(), filter),
    images: async () => (await import('./stored-images.ts')).storedImages((await inventoryEnv()).index, blobs),
    usage: async (filter) => (await import('./gc/prune.ts')).usage(await inventoryEnv(), filter),
    prune: async (job, pruneOptions) => (await import('./gc/prune.ts')).prune(job, await adminEnv(), pruneOptions),
    verify: async (job) => (await import('./gc/verify.ts')).verifyStore(job, await adminEnv()),
  };
}
