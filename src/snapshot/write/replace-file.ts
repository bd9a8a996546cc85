import { rename, writeFile } from 'node:fs/promises';
import { localError } from '../../core/errors.ts';
import { removeFile } from '../../fs/write/remove-file.ts';
import { newStaging, removeDeadParts } from './beside.ts';

/**
 * Writes a small file as a whole or not at all, in the place of what is there.
 * @param what the file, for messages: `the lock file ./ctxsrc.lock`
 */
export async function replaceFile(path: string, text: string, what: string): Promise<void> {
  const temporary = newStaging(path).part;
  try {
    await removeDeadParts(path);
    await writeFile(temporary, text, { flag: 'wx', mode: 0o666, flush: true });
    await rename(temporary, path);
  } catch (error) {
    await removeFile(temporary);
    throw localError(error, `cannot write ${what}`);
  }
}
