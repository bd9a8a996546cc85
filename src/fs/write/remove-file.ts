import { unlink } from 'node:fs/promises';

/** Removes a file if it is there. (Node's `rm` looks at it twice first, which is felt where there are many layers.) */
export async function removeFile(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
