import type { NetworkOptions } from '../contract/source.ts';
import { getOrMake } from '../core/get-or-make.ts';
import type { RegistryClient } from './client.ts';

const clients = new WeakMap<NetworkOptions, Promise<RegistryClient>>();

/**
 * The one client for all references of a run, which share connections, tokens and the permits of `--parallel`. Loaded
 * at first use: content in the store needs none of its code.
 */
export function sharedClient(network: NetworkOptions): Promise<RegistryClient> {
  return getOrMake(clients, network, async () => (await import('./client.ts')).createRegistryClient({ network }));
}
