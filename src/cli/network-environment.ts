/** Network settings in the environment: `CTXSRC_MIRRORS`, `CTXSRC_CA_FILE`, `CTXSRC_PLAIN_HTTP`, `NETRC`. */
import type { NetworkOptions } from '../contract/index.ts';
import type { Variables } from '../core/home.ts';
import { checkHost, parseMirrorOf } from './values.ts';

/**
 * The defaults of a run: from the environment, then from the configuration file. `E_USAGE` for an invalid mirror or
 * host.
 */
export function withEnvironment(env: Variables, config: Partial<NetworkOptions>): Partial<NetworkOptions> {
  const mirrors = listOf(env.CTXSRC_MIRRORS).map((text) => parseMirrorOf('CTXSRC_MIRRORS', text));
  const plain = listOf(env.CTXSRC_PLAIN_HTTP).map((host) => checkHost('CTXSRC_PLAIN_HTTP', host));
  return {
    ...config,
    mirrors: [...mirrors, ...(config.mirrors ?? [])],
    plainHttp: [...plain, ...(config.plainHttp ?? [])],
    caFile: env.CTXSRC_CA_FILE || config.caFile,
    netrc: env.NETRC || config.netrc,
  };
}

function listOf(text = ''): readonly string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}
