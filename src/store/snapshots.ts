/**
 * Snapshots: the files of refs, `snapshots/<id>/fs`, made in a temporary directory and renamed into place when whole.
 */
import { cp, mkdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Recipe, WriteOptions, WriteReport } from '../contract/ref.ts';
import type { JobContext } from '../contract/session.ts';
import { ioError } from '../core/errors.ts';
import { removeTree } from '../fs/remove-tree.ts';
import type { StoreDirectory } from './layout.ts';
import type { Leases } from './leases.ts';
import type { Locks } from './locks.ts';

const UNLIMITED: WriteOptions = {
  owner: 'auto',
  mode: 'auto',
  limits: { maxBytes: Number.MAX_SAFE_INTEGER, maxFiles: Number.MAX_SAFE_INTEGER, maxRatio: Number.MAX_SAFE_INTEGER },
};

export class Snapshots {
  readonly #directory: StoreDirectory;
  readonly #locks: Locks;
  readonly #leases: Leases;

  constructor(directory: StoreDirectory, locks: Locks, leases: Leases) {
    this.#directory = directory;
    this.#locks = locks;
    this.#leases = leases;
  }

  path(id: string): string {
    return this.#directory.path('snapshots', id.replaceAll(/[^A-Za-z0-9._-]/g, '-'));
  }

  /** A directory under `tmp` becomes a snapshot. */
  async commit(dir: string, id: string): Promise<Recipe> {
    const files = join(this.path(id), 'fs');
    const temporary = this.#directory.temporaryPath();
    await mkdir(temporary);
    await rename(dir, join(temporary, 'fs'));
    await rename(temporary, this.path(id)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
      return removeTree(temporary);
    });
    return {
      id,
      produce: async (_job, to) => {
        await cp(files, to, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
        return { files: 0, bytes: 0, losses: [], lossCounts: {}, entries: [], via: 'copy' };
      },
    };
  }

  async finalize(_id: string): Promise<void> {}

  async writeTo(job: JobContext, recipe: Recipe, dir: string, options: WriteOptions): Promise<WriteReport> {
    return recipe.produce(job, dir, options);
  }

  async extract(job: JobContext, recipe: Recipe): Promise<string> {
    const files = join(this.path(recipe.id), 'fs');
    if (await exists(files)) return files;
    const lock = await this.#locks.acquire(snapshotResource(recipe.id), { signal: job.signal });
    await this.#leases.announce();
    const temporary = this.#directory.temporaryPath();
    try {
      if (await exists(files)) return files;
      await mkdir(join(temporary, 'fs'), { recursive: true });
      await recipe.produce(job, join(temporary, 'fs'), UNLIMITED);
      await rename(temporary, this.path(recipe.id));
      return files;
    } catch (error) {
      await removeTree(temporary);
      throw ioError(error, `cannot store the files of ${recipe.id} in the cache`);
    } finally {
      await lock.release();
    }
  }
}

/** Name of a snapshot among leases and locks. */
export function snapshotResource(id: string): string {
  return `snapshot-${id.replaceAll(/[^A-Za-z0-9._-]/g, '-')}`;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
