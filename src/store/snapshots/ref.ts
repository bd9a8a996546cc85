/**
 * ImmutableRef: a counted handle of files that may not exist yet. Refs of a process with the same ID share the files
 * made for them; the lease on the files ends with the last holder.
 */

import type { BlobStore } from '../../contract/blobs.ts';
import type { ImmutableRef, Recipe } from '../../contract/ref.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { readLayer } from '../blobs/blobs.ts';
import type { Leases } from '../sharing/leases.ts';
import type { Snapshots } from './snapshots.ts';
import { snapshotResource } from './snapshots.ts';

/** The objects that refs share. */
export interface RefEnv {
  readonly blobs: BlobStore;
  readonly leases: Leases;
  readonly snapshots: Snapshots;
}

export async function openRef(env: RefEnv, recipe: Recipe): Promise<ImmutableRef> {
  const leased = lease(env, recipe);
  await leased;
  return refOf(env, recipe, leased);
}

function lease({ leases }: RefEnv, { id }: Recipe): Promise<unknown> {
  const leased = leases.hold(snapshotResource(id));
  // A failure of the lease is reported when the ref is used; a ref that is only released does not need it.
  leased.catch(() => undefined);
  return leased;
}

function refOf(env: RefEnv, recipe: Recipe, leased: Promise<unknown>): ImmutableRef {
  const { id, layers, prefix } = recipe;
  const { blobs, leases, snapshots } = env;
  let released = false;
  const check = (): void => {
    if (released) throw new Error(`the ref of ${id} is used after its release`);
  };
  const use = (): Promise<unknown> => {
    check();
    return leased;
  };
  const clone = (of = recipe): ImmutableRef => {
    check();
    return refOf(env, of, lease(env, of));
  };

  return {
    id,
    clone: () => clone(),

    async release() {
      if (released) return;
      released = true;
      await leases.drop(snapshotResource(id));
    },

    async finalize() {
      await use();
      await snapshots.finalize(id);
    },

    async extract(job) {
      await use();
      await snapshots.extract(job, recipe);
    },

    async mount(job) {
      await use();
      const path = await snapshots.extract(job, recipe);
      const holder = clone();
      return { path, release: () => holder.release() };
    },

    async getRemotes(job, { create }) {
      check();
      if (layers === undefined) return [];
      if (create) for (const layer of layers) if (layer.file === undefined) await layer.fetch(job);
      return [
        {
          descriptors: layers.map(({ descriptor, diffId }) => ({ descriptor, diffId })),
          read: (reader, { digest }) => {
            const layer = layers.find(({ descriptor }) => descriptor.digest === digest);
            if (layer !== undefined) return readLayer(reader, blobs, layer);
            throw new CtxsrcError('E_BLOB_NOT_FOUND', `blob ${digest} is no layer of ${id}`);
          },
        },
      ];
    },

    layerChain() {
      if (layers === undefined || prefix === undefined) return [clone()];
      return layers.map((_layer, index) =>
        clone(index === layers.length - 1 ? recipe : prefix.call(recipe, index + 1)),
      );
    },

    async writeTo(job, dir, options) {
      await use();
      return snapshots.writeTo(job, recipe, dir, options);
    },
  };
}
