/**
 * The user's configuration file: mirrors, sources from outside, and network defaults. It never contains a secret, and
 * no file in the current directory is read as configuration.
 */
import { dirname, join, resolve } from 'node:path';
import type { NetworkOptions } from '../contract/index.ts';
import { CtxsrcError, isCtxsrcError } from '../core/errors.ts';
import { homeOf, type Variables } from '../core/home.ts';
import { printable } from '../core/printable.ts';
import { readSmallFileSync } from '../fs/small-file.ts';

export interface UserConfig {
  /** The directory of the file; modules are relative to it. */
  readonly directory: string;
  /** Modules that export a source: paths, or package names. */
  readonly sources: readonly string[];
  readonly network: Partial<NetworkOptions>;
  /** Why the file or its sources are of no use, for the one command that says so beside other things. */
  readonly problem?: unknown;
}

/**
 * The path of the configuration: `$CTXSRC_CONFIG`, else `$XDG_CONFIG_HOME/ctxsrc/config.json`, else `~/.config/…`;
 * undefined without a home.
 */
export function configPath(env: Variables): string | undefined {
  if (env.CTXSRC_CONFIG) return resolve(env.CTXSRC_CONFIG);
  const home = homeOf(env);
  const configHome = env.XDG_CONFIG_HOME || (home && join(home, '.config'));
  return configHome && join(configHome, 'ctxsrc', 'config.json');
}

/**
 * Reads the configuration; a missing file is empty, unless `$CTXSRC_CONFIG` names it. `E_CONFIG` says where an error
 * is.
 */
export async function readConfig(env: Variables): Promise<UserConfig> {
  const path = configPath(env);
  if (path === undefined) return { directory: '/', sources: [], network: {} };
  const hint = env.CTXSRC_CONFIG ? 'correct or unset CTXSRC_CONFIG' : 'remove it, or name another with CTXSRC_CONFIG';
  let text: string;
  try {
    text = readSmallFileSync(path, { what: `the configuration file ${printable(path)}`, hint }).toString('utf8');
  } catch (error) {
    if (!isCtxsrcError(error) || error.code === 'E_UNSAFE' || error.code === 'E_LIMIT') throw error;
    if (!env.CTXSRC_CONFIG && (error.code === 'E_PATH_NOT_FOUND' || error.code === 'E_PERMISSION')) {
      return { directory: dirname(path), sources: [], network: {} };
    }
    throw new CtxsrcError('E_CONFIG', error.message, { cause: error, hint });
  }
  const { decodeConfig } = await import('./config-document.ts');
  return decodeConfig(text, path);
}
