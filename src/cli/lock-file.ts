/** Reading and writing the lock file of a run. */

import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ioError } from '../core/errors.ts';
import { decodeLock, type Lock } from '../snapshot/lock.ts';

/** The lock file that a command writes when `--lock` names no other. */
export const DEFAULT_LOCK = 'ctxsrc.lock';

/** The lock in a file, undefined when there is no such file. */
export function readLock(path: string): Lock | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw ioError(error, `cannot read the lock file ${path}`);
  }
  return decodeLock(text, path);
}

/** Writes the text, whole or not at all; the same text leaves the file alone. */
export async function writeLock(path: string, text: string): Promise<boolean> {
  if (currentText(path) === text) return false;
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}`);
  try {
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
    throw ioError(error, `cannot write the lock file ${path}`);
  }
  return true;
}

function currentText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
