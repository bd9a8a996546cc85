/** The default location of a user's store. */
import { accessSync, constants, lstatSync, mkdirSync, type Stats } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, resolve } from 'node:path';
import { CtxsrcError } from '../core/errors.ts';
import { homeOf, type Variables } from '../core/home.ts';

/**
 * `$CTXSRC_CACHE_DIR`, else `$XDG_CACHE_HOME/ctxsrc`, else `~/.cache/ctxsrc`; without a home in which it exists or
 * could be made, `ctxsrc-UID` in the temporary directory. Absolute.
 */
export function defaultCacheDir(env: Variables): string {
  if (env.CTXSRC_CACHE_DIR) return resolve(env.CTXSRC_CACHE_DIR);
  if (env.XDG_CACHE_HOME) return resolve(env.XDG_CACHE_HOME, 'ctxsrc');
  const home = homeOf(env);
  const dir = home && resolve(home, '.cache', 'ctxsrc');
  return dir && isUsable(dir) ? dir : temporaryCacheDir();
}

/** True if the directory exists, even if only readable, or can be made. */
function isUsable(dir: string): boolean {
  try {
    for (let at = dir; ; at = dirname(at)) {
      if (lstatSync(at, { throwIfNoEntry: false }) === undefined && at !== dirname(at)) continue;
      if (at !== dir) accessSync(at, constants.W_OK);
      return true;
    }
  } catch {
    return false;
  }
}

function temporaryCacheDir(): string {
  return resolve(tmpdir(), `ctxsrc-${process.geteuid?.() ?? 'user'}`);
}

/**
 * Makes a store in the temporary directory belong to this user before it is used: other users can write there, and the
 * stat cache in it is trusted. Any other directory is left alone.
 * @throws CtxsrcError `E_UNSAFE` if it belongs to another user, is a link, or others may write to it
 */
export function claimTemporaryCacheDir(dir: string): void {
  if (dir !== temporaryCacheDir() || process.geteuid === undefined) return;
  let found: Stats;
  try {
    mkdirSync(dir, { mode: 0o700 });
  } catch {
    // It exists, or cannot be made.
  }
  try {
    found = lstatSync(dir);
  } catch {
    // The store reports the reason when it writes.
    return;
  }
  const why =
    (!found.isDirectory() && 'is no directory') ||
    (found.uid !== process.geteuid() && `belongs to user ${found.uid}`) ||
    ((found.mode & 0o022) !== 0 && 'can be written by others');
  if (!why) return;
  throw new CtxsrcError('E_UNSAFE', `the cache directory ${dir} ${why}`, {
    hint: 'name another directory with --cache-dir or CTXSRC_CACHE_DIR',
  });
}
