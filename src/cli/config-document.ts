/** The document of the user's configuration file, which most users do not have. */
import { dirname, resolve } from 'node:path';
import type { NetworkOptions } from '../contract/index.ts';
import { CtxsrcError } from '../core/errors.ts';
import { isObject } from '../core/is-object.ts';
import { parseObject } from '../core/parse-json.ts';
import type { UserConfig } from './config.ts';
import { checkHost } from './values.ts';

/** @throws CtxsrcError `E_CONFIG` that says where the error is */
export function decodeConfig(text: string, path: string): UserConfig {
  const fail = (what: string): never => {
    throw new CtxsrcError('E_CONFIG', `the configuration file ${path} is not valid: ${what}`, {
      hint: 'its members are mirrors, sources, plainHttp, insecure, allowAddress, caFile, netrc, retry and parallel',
    });
  };
  const members = parseObject(text, fail);
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
