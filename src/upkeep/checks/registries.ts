/** The configured registries: one request each. */
import { isCtxsrcError } from '../../core/errors.ts';
import { silentProgress } from '../../core/progress.ts';
import { shellWord } from '../../core/shell-word.ts';
import { configuredRegistries } from '../../registry/auth/configured.ts';
import { createCredentialLookup } from '../../registry/auth/credentials.ts';
import { type CredentialTest, testCredentials } from '../../registry/credential-test.ts';
import { createSession } from '../../source/session.ts';
import { type Finding, homely, type NamedCheck, type Surroundings } from '../check.ts';

const OUTCOMES: Readonly<Record<CredentialTest, string>> = {
  accepted: 'the credential is accepted',
  anonymous: 'asks for no credential',
  'anonymous-token': 'anonymous',
};

export function registries({ network, env, registryConfig }: Surroundings): readonly NamedCheck[] {
  return configuredRegistries(network, env, registryConfig).map((host) => ({
    id: `registry:${host}`,
    run: (given) => registry(host, given),
  }));
}

async function registry(host: string, { env, network, registryConfig, signal }: Surroundings): Promise<Finding> {
  const started = performance.now();
  const session = createSession({ credentials: createCredentialLookup({ registryConfig, env }) });
  try {
    const outcome = await testCredentials(
      { session, signal, progress: silentProgress, strict: false },
      { network: { ...network, retry: 0 }, registry: host, env },
    );
    const ms = Math.round(performance.now() - started);
    return { status: 'ok', text: `${ms} ms, ${OUTCOMES[outcome]}`, facts: { ms, outcome } };
  } catch (error) {
    if (!isCtxsrcError(error)) throw error;
    const { code, message, exit, hint } = error;
    const needsLogin = code === 'E_UNAUTHORIZED' || code === 'E_FORBIDDEN' || code === 'E_CREDENTIALS';
    const help = needsLogin ? { mend: `docker login ${shellWord(host)}` } : { hint: hint && homely(hint, env) };
    return { status: 'fault', text: homely(message, env), facts: { code }, exit, ...help };
  }
}
