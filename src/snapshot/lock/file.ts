/** Reads the lock file, and replaces it as a whole; its format is in `lock.ts`. */
import { isCtxsrcError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { readSmallFileSync } from '../../fs/small-file.ts';
import { replaceFile } from '../write/replace-file.ts';
import { decodeLock, type Lock } from './lock.ts';

/** The lock file that a command writes when `--lock` names no other. */
export const DEFAULT_LOCK = 'ctxsrc.lock';

/** The lock in a file; undefined if the file does not exist. */
export function readLock(path: string): Lock | undefined {
  const text = currentText(path);
  return text === undefined ? undefined : decodeLock(text, path);
}

/** Writes the text as a whole or not at all; an unchanged file is not written. */
export async function writeLock(path: string, text: string): Promise<boolean> {
  if (currentText(path) === text) return false;
  await replaceFile(path, text, `the lock file ${printable(path)}`);
  return true;
}

function currentText(path: string): string | undefined {
  try {
    return readSmallFileSync(path, { what: `the lock file ${printable(path)}` }).toString('utf8');
  } catch (error) {
    if (isCtxsrcError(error, 'E_PATH_NOT_FOUND')) return undefined;
    throw error;
  }
}
