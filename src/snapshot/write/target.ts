/** Which directories a snapshot may be written to: `docs/snapshots.md#the-target`. */
import { lstatSync, readdirSync, readFileSync, realpathSync, type Stats, statSync } from 'node:fs';
import { mkdir, rmdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { CtxsrcError, ioError, localError } from '../../core/errors.ts';
import { homeOf } from '../../core/home.ts';
import { printable } from '../../core/printable.ts';

/** Paths that must be neither overwritten nor written to. Absolute. */
export interface Protected {
  /** The directory or file that the source reads. */
  readonly localSource?: string | undefined;
  /** The store. */
  readonly storeRoot?: string | undefined;
}

/**
 * The absolute path of a target, with links in its parents resolved, after the checks that `--force` does not change.
 * @throws CtxsrcError `E_TARGET_EXISTS` for a file, a link, a mount point, the current or home directory and their
 * parents; `E_TARGET_IN_SOURCE` if source and target contain one another
 */
export function resolveTarget(text: string, guarded: Protected): string {
  const path = realPath(resolve(text));
  const stat = statOf(path);
  if (stat?.isSymbolicLink()) refuse(path, 'is a symbolic link', 'name the directory that it points to');
  if (stat !== undefined && !stat.isDirectory()) refuse(path, 'is not a directory');
  if (guarded.localSource !== undefined) {
    const source = resolved(guarded.localSource);
    const [a, b] = [printable(path), printable(source)];
    if (isBelow(path, source) || isBelow(source, path)) {
      throw new CtxsrcError(
        'E_TARGET_IN_SOURCE',
        isBelow(path, source)
          ? `the target ${a} is inside the source ${b}`
          : `the source ${b} is inside the target ${a}`,
        { hint: 'name a directory outside the source' },
      );
    }
  }
  if (isBelow(resolved(process.cwd()), path)) refuse(path, 'is the current directory or holds it');
  const home = homeOf(process.env);
  if (home !== undefined && isBelow(resolved(home), path)) refuse(path, 'is the home directory or holds it');
  if (guarded.storeRoot !== undefined) {
    const store = resolved(guarded.storeRoot);
    if (isBelow(store, path) || isBelow(path, store)) refuse(path, 'is the cache directory, holds it or is in it');
  }
  if (stat !== undefined && isMountPoint(path)) refuse(path, 'is a mount point');
  return path;
}

/** The state of a target. */
export function stateOf(path: string): 'absent' | 'empty' | 'occupied' {
  try {
    return readdirSync(path).length === 0 ? 'empty' : 'occupied';
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return 'absent';
    throw ioError(error, `cannot read ${printable(path)}`);
  }
}

/**
 * Creates the missing parents of a target.
 * @returns those created, outermost first
 */
export async function createParents(path: string): Promise<string[]> {
  const missing: string[] = [];
  for (let dir = dirname(path); lstatSync(dir, { throwIfNoEntry: false }) === undefined; dir = dirname(dir)) {
    missing.unshift(dir);
  }
  const created: string[] = [];
  try {
    for (const dir of missing) {
      // Another run that writes beside this one may have made it since.
      if (await madeBy(mkdir(dir))) created.push(dir);
    }
  } catch (error) {
    await removeParents(created);
    throw localError(error, `cannot create the directory ${printable(dirname(path))}`);
  }
  return created;
}

/** False if the directory was there already. */
async function madeBy(making: Promise<unknown>): Promise<boolean> {
  try {
    await making;
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Undoes `createParents`; a directory that is in use meanwhile stays. */
export async function removeParents(created: readonly string[]): Promise<void> {
  for (const dir of [...created].reverse()) await rmdir(dir).catch(() => undefined);
}

function statOf(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR')
      refuse(path, 'cannot be created: one of its parents is a file');
    throw ioError(error, `cannot look at ${printable(path)}`);
  }
}

/** Resolves links in the existing parents, but not in the last component. */
function realPath(path: string): string {
  const parent = dirname(path);
  if (parent === path) return path;
  try {
    return join(realpathSync(parent), basename(path));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw ioError(error, `cannot look at ${printable(parent)}`);
    return join(realPath(parent), basename(path));
  }
}

function resolved(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}

/** True for the directory itself, too. */
function isBelow(path: string, dir: string): boolean {
  return path === dir || path.startsWith(dir.endsWith('/') ? dir : `${dir}/`);
}

function isMountPoint(path: string): boolean {
  const [here, above] = [statSync(path), statSync(dirname(path))];
  if (here.dev !== above.dev || here.ino === above.ino) return true;
  // Only the kernel's table shows a bind mount from the same file system.
  return linuxMountPoints().has(path);
}

function linuxMountPoints(): Set<string> {
  if (process.platform !== 'linux') return new Set();
  try {
    const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
    return new Set(lines.map((line) => unescapeOctal(line.split(' ')[4] ?? '')));
  } catch {
    return new Set();
  }
}

/** The kernel writes blanks, tabs, newlines and backslashes in paths as three octal digits. */
function unescapeOctal(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

function refuse(path: string, why: string, hint = 'name a directory that does not exist yet'): never {
  throw new CtxsrcError('E_TARGET_EXISTS', `the target ${printable(path)} ${why}`, { hint });
}
