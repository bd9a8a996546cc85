/** An http source over a store of its own, unless one is given. */
import type { Attributes, SourceInstance, Store } from '../../../src/contract/index.ts';
import { source } from '../../../src/source/http/source.ts';
import { type EnvOptions, newEnv, newStore } from '../../support/source-env.ts';

export async function openHttp(
  url: string,
  attrs: Attributes = {},
  store?: Store,
  options: EnvOptions = {},
): Promise<SourceInstance> {
  const [scheme = '', rest = ''] = url.split(/:\/\/(.*)/s);
  const id = source.identify({ scheme, rest, text: url }, attrs);
  return source.resolve(id, newEnv(store ?? (await newStore()), options));
}
