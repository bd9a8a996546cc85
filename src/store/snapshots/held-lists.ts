/**
 * Lists of entries under names of this process: reports read them until the store is closed, although the snapshot may be
 * collected or changed meanwhile.
 */
import { constants } from 'node:fs';
import { copyFile, link, rm } from 'node:fs/promises';
import { type StoreDirectory, storeError } from '../layout.ts';
import type { Leases } from '../sharing/leases.ts';
import { entriesPath, type SnapshotHeader } from './manifest.ts';

export class HeldLists {
  readonly #directory: StoreDirectory;
  readonly #leases: Leases;
  readonly #lists = new Set<string>();

  constructor(directory: StoreDirectory, leases: Leases) {
    this.#directory = directory;
    this.#leases = leases;
  }

  /** The path of a snapshot's list; undefined if it is gone. */
  async hold(home: string, header: SnapshotHeader): Promise<string | undefined> {
    const source = entriesPath(home, header.entries);
    const held = this.#directory.temporaryPath();
    try {
      await this.#leases.announce();
      await link(source, held).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') throw error;
        return copyFile(source, held, constants.COPYFILE_EXCL);
      });
      this.#lists.add(held);
      return held;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return undefined;
      // If the store is not writable, no other process changes it either.
      if (code === 'EROFS' || code === 'EACCES' || code === 'EPERM') return source;
      throw storeError(error, `cannot use the cache ${this.#directory.root}`);
    }
  }

  async close(): Promise<void> {
    for (const list of this.#lists) await rm(list, { force: true });
    this.#lists.clear();
  }
}
