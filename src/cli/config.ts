/**
 * The user's configuration file: mirrors, sources from outside, and network defaults. It never contains a secret, and
 * no file in the current directory is read as configuration.
 */
import { dirname, join, resolve } from 'node:path';
import type { NetworkOptions } from '../contract/index.ts';
import { CtxsrcError, isCtxsrcError } from '../core/errors.ts';
import { homeOf, type Variables } from '../core/home.ts';
import { isObject } from '../core/is-object.ts';
import { parseJson } from '../core/parse-json.ts';
import { printable } from '../core/printable.ts';
import { readSmallFileSync } from '../fs/small-file.ts';
import { checkHost } from './values.ts';

export interface UserConfig {
  /** The directory of the file; modules are relative to it. */
  readonly directory: string;
  /** Modules that export a source: paths, or package names. */
  readonly sources: readonly string[];
  readonly network: Partial<NetworkOptions>;
}

/**
 * The path of the configuration: `$CTXSRC_CONFIG`, else `$XDG_CONFIG_HOME/ctxsrc/config.json`, else `~/.config/…`;
 * undefined without a home.
 */
function configPath(env: Variables): string | undefined {
  if (env.CTXSRC_CONFIG) return resolve(env.CTXSRC_CONFIG);
  const home = homeOf(env);
  const configHome = env.XDG_CONFIG_HOME || (home && join(home, '.config'));
  return configHome && join(configHome, 'ctxsrc', 'config.json');
}

/**
 * Reads the configuration; a missing file is empty, unless `$CTXSRC_CONFIG` names it. `E_CONFIG` says where an error
 * is.
 */
export function readConfig(env: Variables): UserConfig {
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
  return decodeConfig(text, path);
}

function decodeConfig(text: string, path: string): UserConfig {
  const fail = (what: string): never => {
    throw new CtxsrcError('E_CONFIG', `the configuration file ${path} is not valid: ${what}`, {
      hint: 'its members are mirrors, sources, plainHttp, insecure, allowAddress, caFile, netrc, retry and parallel',
    });
  };
  let document: unknown;
  try {
    document = parseJson(text);
  } catch (error) {
    return fail((error as Error).message);
  }
  if (!isObject(document)) return fail('it is no JSON object');
  const members = document as Record<string, unknown>;
  const strings = (name: string): string[] => {
    const value = members[name] ?? [];
    if (!Array.isArray(value) || value.some((item) => typeof item !== 'string'))
      return fail(`${name} is no list of texts`);
    return value as string[];
  };
  const network: { -readonly [K in keyof NetworkOptions]?: NetworkOptions[K] } = {
    plainHttp: strings('plainHttp').map((host) => checkHost(`plainHttp in ${path}:`, host)),
    insecure: strings('insecure').map((host) => checkHost(`insecure in ${path}:`, host)),
    allowAddress: strings('allowAddress'),
  };
  for (const name of Object.keys(members)) {
    const value = members[name];
    if (name === 'mirrors') {
      if (!isObject(value)) return fail('mirrors is no object of HOST: MIRROR');
      network.mirrors = Object.entries(value).flatMap(([host, mirror]) => {
        const list: unknown[] = Array.isArray(mirror) ? mirror : [mirror];
        if (list.some((item) => typeof item !== 'string'))
          return fail(`mirrors.${host} is neither a text nor a list of texts`);
        return list.map((item) => ({ host, mirror: item as string }));
      });
    } else if (name === 'caFile' || name === 'netrc') {
      if (typeof value !== 'string') return fail(`${name} is no text`);
      network[name] = resolve(dirname(path), value);
    } else if (name === 'retry' || name === 'parallel') {
      if (!Number.isSafeInteger(value) || (value as number) < (name === 'retry' ? 0 : 1))
        return fail(`${name} is no count`);
      network[name] = value as number;
    } else if (!['sources', 'plainHttp', 'insecure', 'allowAddress'].includes(name)) {
      return fail(`there is no member ${JSON.stringify(name)}`);
    }
  }
  return { directory: dirname(path), sources: strings('sources'), network };
}
