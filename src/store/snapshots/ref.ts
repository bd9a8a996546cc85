/**
 * ImmutableRef: a counted handle of files that may not exist yet. Refs of a process with the same ID share the files
 * made for them; the lease on the files ends with the last holder.
 */

import type { BlobStore } from '../../contract/blobs.ts';
import type { ImmutableRef, Recipe, Remote, RemoteOptions, WriteOptions, WriteReport } from '../../contract/ref.ts';
import type { JobContext } from '../../contract/session.ts';
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

export class StoredRef implements ImmutableRef {
  readonly id: string;
  readonly #env: RefEnv;
  readonly #recipe: Recipe;
  readonly #leased: Promise<unknown>;
  #released = false;

  private constructor(env: RefEnv, recipe: Recipe) {
    this.id = recipe.id;
    this.#env = env;
    this.#recipe = recipe;
    this.#leased = env.leases.hold(snapshotResource(recipe.id));
    // A failure of the lease is reported when the ref is used; a ref that is only released does not need it.
    this.#leased.catch(() => undefined);
  }

  static async open(env: RefEnv, recipe: Recipe): Promise<StoredRef> {
    const ref = new StoredRef(env, recipe);
    await ref.#leased;
    return ref;
  }

  clone(): ImmutableRef {
    this.#check();
    return new StoredRef(this.#env, this.#recipe);
  }

  async release(): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    await this.#env.leases.drop(snapshotResource(this.id));
  }

  async finalize(): Promise<void> {
    this.#check();
    await this.#leased;
    await this.#env.snapshots.finalize(this.id);
  }

  async extract(job: JobContext): Promise<void> {
    this.#check();
    await this.#leased;
    await this.#env.snapshots.extract(job, this.#recipe);
  }

  async mount(job: JobContext): Promise<{ path: string; release(): Promise<void> }> {
    this.#check();
    await this.#leased;
    const path = await this.#env.snapshots.extract(job, this.#recipe);
    const holder = this.clone();
    return { path, release: () => holder.release() };
  }

  async getRemotes(job: JobContext, options: RemoteOptions): Promise<readonly Remote[]> {
    this.#check();
    const { layers } = this.#recipe;
    if (layers === undefined) return [];
    if (options.create) {
      for (const layer of layers) if (layer.file === undefined) await layer.fetch(job);
    }
    return [
      {
        descriptors: layers.map(({ descriptor, diffId }) => ({ descriptor, diffId })),
        read: (reader, descriptor) => {
          const layer = layers.find((candidate) => candidate.descriptor.digest === descriptor.digest);
          if (layer === undefined) {
            throw new CtxsrcError('E_BLOB_NOT_FOUND', `blob ${descriptor.digest} is no layer of ${this.id}`);
          }
          return readLayer(reader, this.#env.blobs, layer);
        },
      },
    ];
  }

  layerChain(): readonly ImmutableRef[] {
    this.#check();
    const { layers, prefix } = this.#recipe;
    if (layers === undefined || prefix === undefined) return [this.clone()];
    return layers.map((_layer, index) => {
      const recipe = index === layers.length - 1 ? this.#recipe : prefix.call(this.#recipe, index + 1);
      return new StoredRef(this.#env, recipe);
    });
  }

  async writeTo(job: JobContext, dir: string, options: WriteOptions): Promise<WriteReport> {
    this.#check();
    await this.#leased;
    return this.#env.snapshots.writeTo(job, this.#recipe, dir, options);
  }

  #check(): void {
    if (this.#released) throw new Error(`the ref of ${this.id} is used after its release`);
  }
}
