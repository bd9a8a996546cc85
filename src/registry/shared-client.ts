import type { NetworkOptions } from '../contract/source.ts';
import type { RegistryClient } from './client.ts';

const clients = new WeakMap<NetworkOptions, Promise<RegistryClient>>();

/**
 * The one client for all references of a run, which share connections, tokens and the permits of `--parallel`. Loaded
 * at first use: content in the store needs none of its code.
 */
export function sharedClient(network: NetworkOptions): Promise<RegistryClient> {
  let client = clients.get(network);
  if (client === undefined) {
    client = import('./client.ts').then(({ createRegistryClient }) => createRegistryClient({ network }));
    clients.set(network, client);
  }
  return client;
}
