import { existsSync } from 'node:fs';
import { unlink } from 'node:fs/promises';

/** Removes a file if it is there. (Node's `rm` looks at it twice first, which is felt where there are many layers.) */
export async function removeFile(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // A read-only file system refuses before it looks.
    if (code !== 'ENOENT' && (code !== 'EROFS' || existsSync(path))) throw error;
  }
}
