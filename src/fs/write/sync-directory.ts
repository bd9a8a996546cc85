import { open } from 'node:fs/promises';

/** Makes the names in a directory survive a power loss; does nothing where directories cannot be synced. */
export async function syncDirectory(path: string | Buffer): Promise<void> {
  let directory: Awaited<ReturnType<typeof open>> | undefined;
  try {
    directory = await open(path, 'r');
    await directory.sync();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EISDIR' && code !== 'EINVAL' && code !== 'EPERM') throw error;
  } finally {
    await directory?.close();
  }
}
