/** Which running processes use what of the store, for people: leases, locks and what lies in `tmp`. */
import type { UsingProcess } from '../../contract/store.ts';
import { getOrMake } from '../../core/get-or-make.ts';
import { namesIn, type StoreDirectory } from '../layout.ts';
import { type Identity, ownerOf, ownIdentity } from '../process-identity.ts';
import type { Leases } from './leases.ts';
import type { Locks } from './locks.ts';

export interface Users {
  /** The processes that lease or lock a resource, each once. */
  readonly of: (resource: string) => readonly UsingProcess[];
  /** The living processes that have something in `tmp`. */
  readonly writers: readonly UsingProcess[];
}

export async function findUsers(directory: StoreDirectory, leases: Leases, locks: Locks): Promise<Users> {
  const users = new Map<string, Identity[]>();
  // Leases are read first: a process that takes a lease later checks afterwards whether the item still exists.
  const living = await leases.living();
  for (const { owner, resources } of living) {
    for (const resource of resources) getOrMake(users, resource, () => []).push(owner);
  }
  for (const { name, owner } of await locks.held()) {
    const identity = ownerOf(owner);
    if (identity !== undefined) getOrMake(users, name, () => []).push(identity);
  }
  const started = new Set(namesIn(directory.path('tmp')).flatMap((name) => keyOf(ownerOf(name)) ?? []));
  return {
    of: (resource) => processes(users.get(resource) ?? []),
    writers: processes(living.map(({ owner }) => owner).filter((owner) => started.has(keyOf(owner)!))),
  };
}

function keyOf(owner: Identity | undefined): string | undefined {
  return owner && `${owner.pid} ${owner.start} ${owner.namespace} ${owner.boot}`;
}

function processes(owners: readonly Identity[]): readonly UsingProcess[] {
  const self = ownIdentity();
  const distinct = new Map(owners.map((owner) => [keyOf(owner), owner]));
  return [...distinct.values()].map(({ pid, boot, namespace }) => ({
    pid,
    here: boot === self.boot && namespace === self.namespace,
  }));
}
