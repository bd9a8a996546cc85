/** Tries a credential: `ctxsrc auth <registry> --test`. */
import type { JobContext } from '../contract/session.ts';
import type { NetworkOptions } from '../contract/source.ts';
import { createRegistryClient } from './client.ts';
import type { Environment } from './proxy.ts';

/**
 * Asks a registry's API for access with the session's credential for it.
 * @returns `accepted`: a credential was shown and taken; `anonymous`: the registry let in without one.
 * Errors: E_UNAUTHORIZED, E_FORBIDDEN, E_CREDENTIALS, and those of every request.
 */
export async function testCredentials(
  job: JobContext,
  options: { readonly network: NetworkOptions; readonly registry: string; readonly env?: Environment | undefined },
): Promise<'accepted' | 'anonymous'> {
  const client = createRegistryClient(options);
  try {
    const { authenticated } = await client.ping(job, options.registry);
    return authenticated ? 'accepted' : 'anonymous';
  } finally {
    await client.close();
  }
}
