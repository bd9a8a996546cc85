/**
 * Workspaces: directories that a source keeps between runs, `workspaces/<kind>-<sha256 of the key>/`, with the key in
 * `key` beside the directory `work`, and in `name` what people call it. One holder at a time.
 */
import { utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobContext } from '../contract/session.ts';
import { digestHex, sha256 } from '../core/digest.ts';
import { makeDirectory } from '../fs/write/make-directory.ts';
import { storeError } from './failures.ts';
import type { StoreDirectory } from './layout.ts';
import type { Leases } from './sharing/leases.ts';
import { acquireAloud, type Locks } from './sharing/locks.ts';

/** What workspaces share with the rest of the store. */
interface Shared {
  readonly directory: StoreDirectory;
  readonly locks: Locks;
  readonly leases: Leases;
}

/** `Store.workspace` of the contract. @throws E_LOCK_TIMEOUT, E_PERMISSION, E_DISK_FULL, E_IO */
export async function openWorkspace(
  { directory, locks, leases }: Shared,
  job: JobContext,
  { kind, key, name }: { readonly kind: string; readonly key: string; readonly name?: string | undefined },
): Promise<{ path: string; release(): Promise<void> }> {
  await directory.ensure();
  const folder = nameOf(kind, key);
  const resource = workspaceResource(folder);
  // The lock excludes other sources, the lease excludes collectors.
  await leases.hold(resource);
  try {
    const lock = await acquireAloud(job, locks, resource, `${kind} ${name ?? key}`);
    const home = directory.path('workspaces', folder);
    const path = workspacePath(directory, kind, key);
    try {
      makeDirectory(path);
      await writeFile(join(home, 'key'), key);
      if (name !== undefined) await writeFile(join(home, 'name'), name);
      // The mtime is the time of the last use.
      const now = new Date();
      await utimes(home, now, now);
    } catch (error) {
      await lock.release();
      throw storeError(error, `cannot make a directory in the cache ${directory.root}`);
    }
    return { path, release: () => leases.drop(resource).finally(() => lock.release()) };
  } catch (error) {
    await leases.drop(resource);
    throw error;
  }
}

/** `Store.workspacePath` of the contract. */
export function workspacePath(directory: StoreDirectory, kind: string, key: string): string {
  return join(directory.path('workspaces', nameOf(kind, key)), 'work');
}

const nameOf = (kind: string, key: string): string => `${kind}-${digestHex(sha256(key))}`;

/** Name of a workspace for locks and leases. */
export function workspaceResource(name: string): string {
  return `workspace-${name}`;
}
