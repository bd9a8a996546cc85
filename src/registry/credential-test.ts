/** Tries a credential: `ctxsrc auth <registry> --test`. */

import type { JobContext } from '../contract/session.ts';
import type { NetworkOptions } from '../contract/source.ts';
import type { Variables } from '../core/home.ts';
import { createRegistryClient } from './client.ts';

/**
 * The result of a test. `accepted`: the registry accepted a credential. `anonymous`: it required none.
 * `anonymous-token`: it required a token and issued one without a credential.
 */
export type CredentialTest = 'accepted' | 'anonymous' | 'anonymous-token';

/**
 * Asks a registry's API for access with the session's credential. `date` is the header with its time. Errors: E_UNAUTHORIZED, E_FORBIDDEN, E_CREDENTIALS,
 * and those of every request.
 */
export async function testCredentials(
  job: JobContext,
  options: { readonly network: NetworkOptions; readonly registry: string; readonly env?: Variables | undefined },
): Promise<{ readonly outcome: CredentialTest; readonly date: string | undefined }> {
  const client = createRegistryClient(options);
  // The client looks for a credential only after a challenge. If there is none, only an anonymous token can have been
  // accepted.
  let challenged = false;
  const credentials: JobContext['session']['credentials'] = (host, repository) => {
    challenged = true;
    return job.session.credentials(host, repository);
  };
  try {
    const session = { ...job.session, credentials };
    const { authenticated, date } = await client.ping({ ...job, session }, options.registry);
    return { outcome: authenticated ? 'accepted' : challenged ? 'anonymous-token' : 'anonymous', date };
  } finally {
    await client.close();
  }
}
