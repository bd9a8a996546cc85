/** What the environment says of the network, for all runs: `CTXSRC_MIRRORS`, `CTXSRC_CA_FILE`, `CTXSRC_PLAIN_HTTP`. */
import type { NetworkOptions } from '../contract/index.ts';
import { parsePair } from './values.ts';

/**
 * The defaults of a run: the environment's, before those of the configuration file. `E_USAGE` for a mirror that is not
 * `HOST=MIRROR`.
 */
export function withEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  config: Partial<NetworkOptions>,
): Partial<NetworkOptions> {
  const mirrors = listOf(env.CTXSRC_MIRRORS).map((text) => {
    const [host, mirror] = parsePair('CTXSRC_MIRRORS', text);
    return { host, mirror };
  });
  return {
    ...config,
    mirrors: [...mirrors, ...(config.mirrors ?? [])],
    plainHttp: [...listOf(env.CTXSRC_PLAIN_HTTP), ...(config.plainHttp ?? [])],
    caFile: env.CTXSRC_CA_FILE || config.caFile,
  };
}

function listOf(text = ''): readonly string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}
