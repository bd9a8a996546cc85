import { open, rename, rm } from 'node:fs/promises';
import { localError } from '../../core/errors.ts';
import { newStaging, removeDeadParts } from './beside.ts';

/**
 * Writes a small file as a whole or not at all, in the place of what is there.
 * @param what the file, for messages: `the lock file ./ctxsrc.lock`
 */
export async function replaceFile(path: string, text: string, what: string): Promise<void> {
  const temporary = newStaging(path).part;
  try {
    await removeDeadParts(path);
    const file = await open(temporary, 'wx', 0o666);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw localError(error, `cannot write ${what}`);
  }
}
