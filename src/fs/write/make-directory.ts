import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes a directory and its missing parents, one by one; one that is there is no error. Node's own recursive `mkdir` hangs
 * where the system says that there is no such file although the parent is there (`/proc`, an automounter's `/home`), and
 * says the same of a file system that is read-only.
 * @param mode of the directory and of the parents made for it, less the umask
 * @throws errors of `node:fs`
 */
export function makeDirectory(path: string, mode = 0o777): void {
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Where nothing may be written some systems say that before they look whether it is there.
    if (code !== 'ENOENT' && isDirectory(path)) return;
    const parent = dirname(path);
    if (code !== 'ENOENT' || parent === path || isDirectory(parent)) throw error;
    makeDirectory(parent, mode);
    // Another process may have made it meanwhile.
    makeDirectory(path, mode);
  }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
