/**
 * Removes a directory tree whatever the modes of its directories: a normal user has to make his own read-only directory
 * writable before its entries can be removed.
 */
import { chmodSync, type Dirent, lstatSync, readdirSync, rmdirSync, unlinkSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { localError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';

/** Entries removed between two turns of the event loop. */
const BATCH = 512;

const SLASH = Buffer.from('/');

/**
 * Removes `path` and everything below it; links are removed, never followed. A path that does not exist is no error, and
 * neither is an entry that someone else removes meanwhile.
 * @throws CtxsrcError `E_PERMISSION` or `E_IO` when something stays
 */
export async function removeTree(path: string): Promise<void> {
  let removed = 0;
  try {
    const root = lstatSync(path, { throwIfNoEntry: false });
    if (root === undefined) return;
    if (!root.isDirectory()) return ignoringGone(() => unlinkSync(path));
    // Names are bytes, as names that are not UTF-8 have to be removed, too. A directory is visited again when it is
    // empty.
    const stack = [{ path: Buffer.from(path), emptied: false }];
    for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
      const dir = top.path;
      if (top.emptied) {
        ignoringGone(() => rmdirSync(dir));
        continue;
      }
      stack.push({ path: dir, emptied: true });
      for (const entry of list(dir)) {
        const child = Buffer.concat([dir, SLASH, entry.name]);
        if (entry.isDirectory()) stack.push({ path: child, emptied: false });
        else ignoringGone(() => unlinkSync(child));
        removed += 1;
        if (removed % BATCH === 0) await setImmediate();
      }
    }
  } catch (error) {
    throw localError(error, `cannot remove ${printable(path)}`);
  }
}

/** The entries of a directory to be removed; its mode is changed first if it forbids listing. */
function list(dir: Buffer): Dirent<Buffer>[] {
  const stat = lstatSync(dir, { throwIfNoEntry: false });
  if (stat === undefined || !stat.isDirectory()) return [];
  if ((stat.mode & 0o700) !== 0o700) chmodSync(dir, 0o700);
  return readdirSync(dir, { encoding: 'buffer', withFileTypes: true });
}

function ignoringGone(remove: () => void): void {
  try {
    remove();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
