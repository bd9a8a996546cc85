/** Which credential a registry would get, and whether it takes it: what `ctxsrc auth` prints. */
import type { Credential, JobContext } from '../contract/session.ts';
import type { NetworkOptions } from '../contract/source.ts';
import { CtxsrcError, isCtxsrcError } from '../core/errors.ts';
import type { Variables } from '../core/home.ts';
import { orAbort } from '../core/once.ts';
import { withoutUser } from '../core/shown-reference.ts';
import { parseNormalizedReference } from '../oci/reference.ts';
import { explainCredentials, type PassedOver } from '../registry/auth/credentials.ts';
import type { CredentialTest } from '../registry/credential-test.ts';
import { pushScope } from '../registry/push/scope.ts';

/** What a test came to; `push`: an upload could be begun, and was ended. */
export type AccessTest = CredentialTest | 'push';

/** Which credential is used for a registry. Secrets are not in it. */
export interface AuthReport {
  /** `host[:port]`, as it was asked for. */
  readonly registry: string;
  /** The credential, and where it was found; null: anonymous. */
  readonly credential: {
    readonly kind: Credential['kind'];
    readonly origin: string;
    readonly username?: string;
  } | null;
  /** The places whose credential is not used, in the order in which they are looked at. */
  readonly passedOver: readonly PassedOver[];
  /** Where it was asked for pushing: the repository, and the scope of the token that is asked for. */
  readonly push?: { readonly repository: string; readonly scope: string };
  /** Where it was tried: what the registry said. */
  readonly tested?: AccessTest;
}

/** What is asked about. */
export interface AuthQuestion {
  readonly registry: string;
  /** For pushing to this repository of it. */
  readonly push: string | undefined;
  readonly registryConfig: string | undefined;
  readonly env: Variables;
  readonly signal: AbortSignal;
}

/**
 * Which credential would be used, and why not the others. Sends no request.
 * @throws E_USAGE for what is no registry, E_REFERENCE unless `push` can be the name of a repository, E_CONFIG
 */
export async function authReport(question: AuthQuestion): Promise<AuthReport> {
  const { registry, push, registryConfig, env, signal } = question;
  checkRegistry(registry);
  const repository = push === undefined ? undefined : parseNormalizedReference(`${registry}/${push}`).path;
  signal.throwIfAborted();
  const explained = explainCredentials({ registry, repository, registryConfig, env });
  // A helper may take half a minute.
  const { credential, passedOver } = await orAbort(explained, signal);
  return {
    registry,
    credential:
      credential === undefined
        ? null
        : {
            kind: credential.kind,
            origin: credential.origin,
            ...('username' in credential ? { username: credential.username } : {}),
          },
    passedOver,
    ...(repository === undefined ? {} : { push: { repository, scope: pushScope(repository) } }),
  };
}

/**
 * Tries the credential of the session, by one request; for pushing by an upload that is begun and ended.
 * @throws E_UNAUTHORIZED and others of a registry
 */
export async function testAccess(
  job: JobContext,
  { registry, push }: Pick<AuthReport, 'registry' | 'push'>,
  network: NetworkOptions,
  env: Variables,
): Promise<AccessTest> {
  try {
    if (push === undefined) {
      const { testCredentials } = await import('../registry/credential-test.ts');
      return (await testCredentials(job, { network, registry, env })).outcome;
    }
    const { createPushClient } = await import('../registry/push/client.ts');
    const name = { host: registry, repository: push.repository };
    const client = createPushClient({ network, name, from: undefined, env });
    try {
      await client.mayPush(job);
    } finally {
      await client.close();
    }
    return 'push';
  } catch (error) {
    if (!isCtxsrcError(error) || error.hint?.includes('ctxsrc auth') !== true) throw error;
    // Leaves out the hint, which would suggest to ask what was just asked.
    throw error.with({ hint: `log in anew: docker login ${registry}` });
  }
}

/** Refuses a text that is not a host: it would be printed with a password that may be in it. */
function checkRegistry(text: string): void {
  const host = /^(?:[a-z+-]+:\/\/)?(?:[^/]*@)?([^/@\s]*)/.exec(text)?.[1];
  if (host === text) return;
  throw new CtxsrcError('E_USAGE', `${JSON.stringify(withoutUser(text))} is no registry`, {
    hint: host ? `type ctxsrc auth ${host}` : 'type ctxsrc auth HOST[:PORT]',
  });
}
