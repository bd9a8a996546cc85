/** Syncs the files and directories of a tree to the disk. */
import { open, readdir } from 'node:fs/promises';
import { syncDirectory } from '../../fs/write/sync-directory.ts';

/** Files synced at once: a sync waits for the disk, not for the processor. */
const TOGETHER = 16;

/**
 * Names are bytes here.
 * @throws errors of the system unchanged
 */
export async function syncTree(root: string): Promise<void> {
  const files: Buffer[] = [];
  const list = async (directory: Buffer): Promise<void> => {
    for (const entry of await readdir(directory, { withFileTypes: true, encoding: 'buffer' })) {
      const path = Buffer.concat([directory, Buffer.from('/'), entry.name]);
      if (entry.isDirectory()) await list(path);
      else if (entry.isFile()) files.push(path);
    }
    await syncDirectory(directory);
  };
  await list(Buffer.from(root));
  const sync = async (): Promise<void> => {
    for (let path = files.pop(); path !== undefined; path = files.pop()) {
      const file = await open(path, 'r');
      try {
        await file.datasync();
      } finally {
        await file.close();
      }
    }
  };
  await Promise.all(Array.from({ length: TOGETHER }, sync));
}
